"""`generate` against a loop that runs the whole prompt again for every token, without a cache."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GPT2Config

from saladkit.errors import SaladError
from saladkit.model.processor import SaladProcessor
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_audio

STEPS = 12


@pytest.fixture(scope="module")
def processor(tokenizer, salad_model):
    return SaladProcessor(tokenizer, salad_model.config)


@pytest.fixture(scope="module")
def recordings(speech):
    """Three recordings of espeak's, with their rate."""
    rows = read_samples(speech, needed=["audio"], optional=[], limit=3).to_pylist()
    decoded = [decode_audio(row["audio"]["bytes"], name="row") for row in rows]
    assert len({rate for _, rate in decoded}) == 1
    return [samples[: 4 * rate] for samples, rate in decoded], decoded[0][1]


@pytest.fixture(scope="module")
def prompts(processor, recordings):
    """Prompts of unlike lengths: two spans with text around them, speech alone, text alone, text and then speech."""
    (one, two, three), rate = recordings
    return [
        processor.lay_out(["The tomato", one, "is a", two[: rate // 2], "and"], rate),
        processor.lay_out([three], rate),
        processor.lay_out(["Honey is made by"]),
        processor.lay_out(["Say what it is:", two], rate),
    ]


@torch.inference_mode()
def slow_answer(model, processor, prompt):
    """Greedy, one forward pass over everything for each token: (its tokens, the logits of each [steps, V])."""
    inputs = processor.batch([prompt])
    ids, mask = inputs["input_ids"], inputs.get("speech_mask")
    speech = {name: inputs[name] for name in ("speech_frames", "speech_lengths") if name in inputs}
    answer, logits = [], []
    for _ in range(STEPS):
        if mask is not None:
            speech["speech_mask"] = torch.nn.functional.pad(mask, (0, ids.shape[1] - mask.shape[1]))
        logits.append(model(input_ids=ids, **speech).logits[0, -1])
        answer.append(int(logits[-1].argmax()))
        if answer[-1] == model.generation_config.eos_token_id:
            break
        ids = torch.cat([ids, torch.tensor([answer[-1:]])], dim=1)
    return answer, torch.stack(logits)


@pytest.fixture(scope="module")
def slow_answers(salad_model, processor, prompts):
    answers = [slow_answer(salad_model, processor, prompt) for prompt in prompts]
    assert len({tuple(answer) for answer, _ in answers}) > 1
    return answers


def generated(model, inputs, **settings):
    """As `slow_answer`, of each row, up to the end of its text."""
    made = model.generate(
        **inputs,
        max_new_tokens=STEPS,
        do_sample=False,
        return_dict_in_generate=True,
        output_logits=True,
        **settings,
    )
    end, rows = model.generation_config.eos_token_id, []
    for row, ids in enumerate(made.sequences[:, inputs["input_ids"].shape[1] :].tolist()):
        ids = ids[: ids.index(end) + 1] if end in ids else ids
        rows.append((ids, torch.stack([step[row] for step in made.logits[: len(ids)]])))
    return rows


def agree(found, expected):
    assert [ids for ids, _ in found] == [ids for ids, _ in expected]
    for (_, logits), (_, slow) in zip(found, expected, strict=True):
        torch.testing.assert_close(logits, slow, rtol=0, atol=2e-5)


def test_one_prompt_is_answered_as_by_the_slow_loop(salad_model, processor, prompts, slow_answers):
    agree([generated(salad_model, processor.batch([prompt]))[0] for prompt in prompts], slow_answers)


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_batch_of_prompts_of_unlike_lengths_is_answered_row_by_row(
    use_cache, salad_model, processor, prompts, slow_answers
):
    agree(generated(salad_model, processor.batch(prompts), use_cache=use_cache), slow_answers)


def test_speech_is_encoded_once_and_later_steps_run_one_token(salad_model, processor, prompts, monkeypatch):
    widths, encoded, embed_speech, embed = [], [], salad_model.embed_speech, salad_model.get_input_embeddings().forward
    monkeypatch.setattr(salad_model, "embed_speech", lambda *arguments: encoded.append(1) or embed_speech(*arguments))
    monkeypatch.setattr(
        salad_model.get_input_embeddings(), "forward", lambda ids: widths.append(ids.shape[1]) or embed(ids)
    )
    inputs = processor.batch(prompts)
    generated(salad_model, inputs)
    assert len(encoded) == 1
    assert widths[0] == inputs["input_ids"].shape[1]
    assert len(widths) > 2 and set(widths[1:]) == {1}


def test_several_answers_to_a_prompt_each_hear_all_of_its_spans(salad_model, processor, prompts):
    inputs = processor.batch(prompts)
    ids, expanded = salad_model._expand_inputs_for_generation(2, **inputs)
    twice = processor.batch([prompt for prompt in prompts for _ in range(2)])
    for name in ("speech_mask", "speech_frames", "speech_lengths", "attention_mask", "position_ids"):
        assert torch.equal(expanded[name], twice[name]), name
    assert torch.equal(ids, twice["input_ids"])
    assert len(salad_model.generate(**inputs, max_new_tokens=3, num_beams=2, num_return_sequences=2)) == len(ids)


def test_a_text_is_parted_from_speech_by_a_space_as_in_training(processor, recordings, tokenizer):
    (recording, *_), rate = recordings
    prompt = processor.lay_out(["Question: ", recording, "Answer:"], rate)
    read = prompt.input_ids[~prompt.speech_mask].tolist()
    assert read == [*tokenizer("Question:")["input_ids"], *tokenizer(" Answer:")["input_ids"]]
    assert processor.lay_out(["a ", "b"]).input_ids.tolist() == [
        *tokenizer("a ")["input_ids"],
        *tokenizer("b")["input_ids"],
    ]


def test_a_prompt_begins_with_bos_where_the_tokenizer_sets_one(salad_model, tokenizer, recordings):
    from tokenizers.processors import TemplateProcessing

    begun = copy.deepcopy(tokenizer)
    begun.bos_token = begun.eos_token
    begun.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{begun.bos_token} $A", special_tokens=[(begun.bos_token, begun.bos_token_id)]
    )
    (one, *_), rate = recordings
    prompt = SaladProcessor(begun, salad_model.config).lay_out([one, "is"], rate)
    assert prompt.input_ids[~prompt.speech_mask].tolist() == begun(" is")["input_ids"]
    assert prompt.input_ids[0] == begun.bos_token_id and not prompt.speech_mask[0] and prompt.speech_mask[1]


def test_a_call_splits_texts_at_their_marks(processor, recordings):
    (one, two, three), rate = recordings
    called = processor(
        text=["The <|audio|> is <|audio|> and", "Say:<|audio|>"], audio=[one, two, three], sampling_rate=rate
    )
    laid_out = processor.batch(
        [processor.lay_out(["The ", one, " is ", two, " and"], rate), processor.lay_out(["Say:", three], rate)]
    )
    assert called.keys() == laid_out.keys() == set(processor.model_input_names) - {"modality_marks"}
    assert all(torch.equal(called[name], laid_out[name]) for name in called)


def test_without_a_mark_a_prompt_hears_its_recording_first(processor, recordings, tmp_path):
    import soundfile

    (one, *_), rate = recordings
    soundfile.write(tmp_path / "one.wav", one, rate, subtype="FLOAT")
    called = processor(text="What is it?", audio=str(tmp_path / "one.wav"))
    expected = processor.batch([processor.lay_out([Path(tmp_path / "one.wav"), "What is it?"])])
    alone = processor(audio=one, sampling_rate=rate)
    assert all(torch.equal(called[name], expected[name]) for name in called)
    assert bool(alone["speech_mask"].all())
    assert torch.equal(alone["speech_frames"], called["speech_frames"])


def test_what_is_not_read_leaves_no_trace_in_decoded_text(processor, prompts):
    ids = processor.batch(prompts)["input_ids"]
    decoded = processor.batch_decode(ids, skip_special_tokens=True)
    assert decoded == ["The tomato is a and", "", "Honey is made by", "Say what it is:"]


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ({}, "0 recordings"),
        ({"text": "<|audio|><|audio|>", "audio": [np.zeros(9)]}, "1 recordings for 2 places"),
        ({"text": ""}, "empty prompt"),
        ({"audio": np.zeros((2, 5)), "sampling_rate": 16000}, "shape [2, 5]"),
        ({"audio": np.full(5, np.nan), "sampling_rate": 16000}, "not finite"),
        ({"audio": np.zeros(500)}, "without their rate"),
        ({"audio": "nowhere.wav"}, "nowhere.wav"),
    ],
)
def test_prompts_that_are_none(arguments, problem, processor):
    from saladkit.errors import SaladError

    with pytest.raises(SaladError) as raised:
        processor(**arguments)
    assert problem in raised.value.problem


@pytest.mark.parametrize("prompt", ["Honey <unknown>", "Honey is made by"])
def test_a_prompt_that_the_model_cannot_read_is_refused(prompt, tokenizer, salad_model):
    tokenizer, config = copy.deepcopy(tokenizer), copy.deepcopy(salad_model.config)
    tokenizer.add_tokens(["<unknown>"])
    processor = SaladProcessor(tokenizer, config)
    if "<unknown>" not in prompt:
        config.text_config = GPT2Config(vocab_size=config.text_config.vocab_size, n_positions=2, n_embd=32, n_head=2)
    with pytest.raises(SaladError, match="knows 400 tokens" if "<unknown>" in prompt else "reads 2"):
        processor(text=prompt)
