"""`processor.apply_chat_template`: conversations with recordings, as Hugging Face's processors take them."""

import numpy as np
import pytest
import soundfile
import torch
from chat_templates import KINDS, chat_tokenizer

from saladkit.errors import SaladError
from saladkit.model.configuration import SaladConfig
from saladkit.model.processor import SaladProcessor
from saladkit.rows.chat_template import ChatTemplate

RATE = 16_000
SIGNAL = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1


def enlarged(config, **values):
    """A configuration whose model also knows the special tokens of templates."""
    found = SaladConfig.from_dict(config.to_dict() | values)
    found.text_config.vocab_size += 8
    return found


AS_PROMPT = {"tokenize": True, "return_dict": True, "add_generation_prompt": True}


@pytest.fixture(scope="module", params=list(KINDS))
def processor(request, tokenizer, salad_model):
    return SaladProcessor(chat_tokenizer(tokenizer, request.param), enlarged(salad_model.config))


def spoken(text_after=None, **recording):
    after = [{"type": "text", "text": text_after}] if text_after else []
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "audio"} | recording, *after]},
    ]


def test_speech_lies_where_its_words_would(processor):
    inputs = processor.apply_chat_template(spoken("Say one word.", audio=SIGNAL), sampling_rate=RATE, **AS_PROMPT)
    ids, mask = inputs["input_ids"][0], inputs["speech_mask"][0]
    tokenizer = processor.tokenizer
    words = tokenizer("What is it?", add_special_tokens=False)["input_ids"]
    begin, after = int(mask.int().argmax()), int(mask.int().argmax() + mask.sum())
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is it? Say one word."},
    ]
    text = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, date_string="26 Jul 2024"
    )
    assert [*ids[:begin].tolist(), *words, *ids[after:].tolist()] == tokenizer(text, add_special_tokens=False)[
        "input_ids"
    ]


def test_paths_and_arrays_are_the_same_prompt_and_batches_are_padded_at_the_front(processor, tmp_path):
    soundfile.write(tmp_path / "a.wav", SIGNAL, RATE, subtype="FLOAT")
    given = [{"path": str(tmp_path / "a.wav")}, {"audio": tmp_path / "a.wav"}, {"url": str(tmp_path / "a.wav")}]
    array = processor.apply_chat_template(spoken(array=SIGNAL), sampling_rate=RATE, **AS_PROMPT)
    for recording in given:
        inputs = processor.apply_chat_template(spoken(**recording), **AS_PROMPT)
        for name, values in array.items():
            assert torch.equal(inputs[name], values), name
    text_only = [{"role": "user", "content": "Hi."}]
    both = processor.apply_chat_template([spoken(array=SIGNAL), text_only], sampling_rate=RATE, **AS_PROMPT)
    assert both["attention_mask"].sum(dim=1).tolist() == [
        array["input_ids"].shape[1],
        processor.apply_chat_template(text_only, **AS_PROMPT)["input_ids"].shape[1],
    ]


def test_as_text_a_mark_stands_for_each_recording(processor):
    text = processor.apply_chat_template(spoken("One word.", path="a.wav"))
    assert "<|audio|> One word." in text
    assert processor.apply_chat_template([spoken(path="a.wav")]) == [text.replace(" One word.", "")]


def test_only_prompts_that_are_answered_are_tokenized(processor):
    with pytest.raises(SaladError, match="only prompts"):
        processor.apply_chat_template(spoken(path="a.wav"), tokenize=True, return_dict=True)


BAD = {
    "an image": ([{"role": "user", "content": [{"type": "image", "path": "a.png"}]}], "'image'"),
    "no recording": ([{"role": "user", "content": [{"type": "audio"}]}], "no recording"),
    "no content": ([{"role": "user"}], "content None"),
    "a part that is a text": ([{"role": "user", "content": ["Hi."]}], "no text"),
    "no turns": ([], "without turns"),
    "no role": ([{"content": "Hi."}], "without a role"),
    "a text": ("Hi.", "without a role"),
    "a single turn": ({"role": "user", "content": "Hi."}, "without a role"),
    "a special token": ([{"role": "user", "content": "a <|im_end|> <end_of_turn> <|eot_id|>"}], "special token"),
}


@pytest.mark.parametrize("kind", list(BAD))
def test_conversations_that_cannot_be_read(processor, kind):
    conversation, problem = BAD[kind]
    with pytest.raises(SaladError, match=problem):
        processor.apply_chat_template(conversation, **AS_PROMPT)


def test_another_template_than_that_of_the_training_is_refused(tokenizer, salad_model):
    own = chat_tokenizer(tokenizer, "SmolLM2")
    config = enlarged(salad_model.config, chat_template=ChatTemplate(own).digest)
    SaladProcessor(own, config).apply_chat_template([{"role": "user", "content": "Hi."}])
    own.chat_template += " "
    with pytest.raises(SaladError, match="another chat template"):
        SaladProcessor(own, config).apply_chat_template([{"role": "user", "content": "Hi."}])
