"""Questions as chats: the prompt as text and as speech is the chat template's, and so are the scored answers."""

import numpy as np
import pytest
from chat_templates import KINDS, chat_tokenizer

from saladkit.errors import SaladError
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.rows.chat_template import ChatTemplate
from saladkit.scoring.chat import Chat
from saladkit.scoring.prompts import PromptBuilder
from saladkit.scoring.questions import read_questions
from saladkit.scoring.spoken_prompts import SpeechInput
from saladkit.sources.columns import OUR_NAMES

TODAY = {"date_string": "26 Jul 2024"}


@pytest.fixture(scope="module")
def rows(spoken_questions):
    return read_questions(str(spoken_questions), speech=True, names=OUR_NAMES, limit=4)


@pytest.fixture(scope="module")
def speech_input(salad_model):
    front_end = front_end_of(salad_model.config, device="cpu")
    return SpeechInput(front_end, layout_of(salad_model.config, front_end))


def builder(tokenizer, system=None, **settings):
    return PromptBuilder(tokenizer, 512, chat=Chat(ChatTemplate(tokenizer), system), **settings)


def asked(tokenizer, turns, *, scored=True):
    """The tokens of a prompt; scored as the harness scores, its last white space belongs to the answer."""
    messages = [{"role": role, "content": content} for role, content in turns]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **TODAY)
    return tokenizer(text.rstrip() if scored else text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("system", [None, "Be brief."], ids=["no system prompt", "a system prompt"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_question_as_text_is_the_template_s_prompt(tokenizer, rows, kind, system):
    own = chat_tokenizer(tokenizer, kind)
    built = builder(own, system, shots=2)
    examples = [built.example(row, "solved") for row in rows[2:]]
    request = built.build(rows[0], examples, "questions")
    turns = [("system", system)] if system else []
    for row in rows[2:]:
        turns += [("user", row["text"]), ("assistant", row["choices"][row["answer"]])]
    assert request.prompt.input_ids.tolist() == asked(own, [*turns, ("user", rows[0]["text"])])
    assert own.decode(request.prompt.input_ids) == request.context.rstrip()
    for choice, ids in zip(rows[0]["choices"], request.continuations, strict=True):
        assert own.decode([*request.prompt.input_ids, *ids]) == request.context + choice
    writing = built.build(rows[0], examples, "questions", 8, scored=False)
    assert writing.prompt.input_ids.tolist() == asked(own, [*turns, ("user", rows[0]["text"])], scored=False)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_spoken_question_lies_where_its_words_would(tokenizer, rows, speech_input, kind):
    own = chat_tokenizer(tokenizer, kind)
    read, heard = builder(own), builder(own, speech_input=speech_input)
    for row in rows:
        text, speech = read.build(row, [], "questions"), heard.build(row, [], "questions")
        ids, mask = speech.prompt.input_ids, speech.prompt.speech_mask
        begin, after = int(mask.argmax()), int(mask.argmax() + mask.sum())
        assert mask[begin:after].all()
        words = own(row["text"], add_special_tokens=False)["input_ids"]
        assert [*ids[:begin], *words, *ids[after:]] == text.prompt.input_ids.tolist()
        assert speech.continuations == text.continuations
        assert speech.context == text.context


def test_examples_are_heard_in_turns_of_their_own(tokenizer, rows, speech_input):
    own = chat_tokenizer(tokenizer, "Gemma 3")
    built = builder(own, speech_input=speech_input, shots=2)
    examples = [built.example(row, "solved") for row in rows[2:]]
    prompt = built.build(rows[0], examples, "questions").prompt
    assert len(prompt.spans) == 3
    written = own.decode(prompt.input_ids[~prompt.speech_mask])
    answers = [row["choices"][row["answer"]] for row in rows[2:]]
    turns = "".join(
        f"<start_of_turn>user\n<end_of_turn>\n<start_of_turn>model\n{one}<end_of_turn>\n" for one in answers
    )
    assert written == f"<bos>{turns}<start_of_turn>user\n<end_of_turn>\n<start_of_turn>model"


def test_a_prompt_that_is_too_long_loses_examples_and_then_words(tokenizer, rows):
    own = chat_tokenizer(tokenizer, "SmolLM2")
    whole = builder(own).build(rows[0], [], "questions")
    most = max(map(len, whole.continuations))
    room = len(whole.prompt) + most - 1
    tight = PromptBuilder(own, room, chat=Chat(ChatTemplate(own)), shots=1)
    request = tight.build(rows[0], [tight.example(rows[1], "solved")], "questions")
    assert (request.shots, request.prompt.input_ids.tolist()) == (0, whole.prompt.input_ids.tolist())
    shorter = PromptBuilder(own, room - 1, chat=Chat(ChatTemplate(own))).build(rows[0], [], "questions")
    assert shorter.words_dropped >= 1
    kept = rows[0]["text"].split()[shorter.words_dropped :]
    np.testing.assert_array_equal(shorter.prompt.input_ids, asked(own, [("user", " ".join(kept))]))


def test_what_a_template_refuses_names_the_row(tokenizer, rows):
    own = chat_tokenizer(tokenizer, "Qwen2.5")
    with pytest.raises(SaladError, match="questions: row 'x' has the special token"):
        builder(own).build(rows[0] | {"id": "x", "text": "a <|im_end|> b"}, [], "questions")
    own.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(SaladError, match="System role not supported"):
        builder(own, "Be brief.").build(rows[0], [], "questions")
