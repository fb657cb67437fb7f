"""Prompts of questions as text and speech, and what is removed where a prompt is too long."""

import copy

import numpy as np
import pytest
from tokenizers.normalizers import Replace

from saladkit.errors import SaladError
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.scoring.prompts import PromptBuilder
from saladkit.scoring.questions import read_questions
from saladkit.scoring.spoken_prompts import SpeechInput
from saladkit.scoring.templates import fill_template
from saladkit.sources.columns import OUR_NAMES
from saladkit.speech.audio.perturbation import Perturbation

ROW = {"id": "q", "text": "A tomato is", "choices": ["a berry", "a clock"], "answer": 0}
LONG = ROW | {"text": "Nobody in the house had ever seen it before noon, but a tomato is"}


@pytest.fixture(scope="module")
def rows(spoken_questions):
    return read_questions(str(spoken_questions), speech=True, names=OUR_NAMES, limit=6)


@pytest.fixture(scope="module")
def speech_input(salad_model):
    front_end = front_end_of(salad_model.config, device="cpu")
    return SpeechInput(front_end, layout_of(salad_model.config, front_end))


def with_choices(row):
    """Give the row its own recording as that of each option."""
    return row | {"choices_audio": [row["audio"]] * len(row["choices"])}


def test_choices_continue_the_prompt(world, tokenizer):
    builder = PromptBuilder(tokenizer, 512)
    for row in read_questions(str(world / "questions.parquet"), speech=False, names=OUR_NAMES, limit=6):
        question = builder.build(row, [], "questions")
        for choice, tokens in zip(row["choices"], question.continuations, strict=True):
            assert tokenizer.decode([*question.prompt.input_ids, *tokens]) == f"{row['text']} {choice}"
            assert tokenizer.decode(tokens) == f" {choice}"


def test_a_space_at_the_end_of_the_question_belongs_to_the_continuation(tokenizer):
    question = PromptBuilder(tokenizer, 512).build(ROW | {"text": "A tomato is "}, [], "questions")
    assert tokenizer.decode(question.prompt.input_ids) == "A tomato is"
    assert [tokenizer.decode(ids) for ids in question.continuations] == ["  a berry", "  a clock"]


def test_letters_are_scored_after_the_options(tokenizer):
    question = PromptBuilder(tokenizer, 512, "letter").build(ROW, [], "questions")
    assert question.context == "A tomato is\nA. a berry\nB. a clock\nAnswer:"
    assert tokenizer.decode(question.prompt.input_ids) == question.context
    assert [tokenizer.decode(ids) for ids in question.continuations] == [" A", " B"]
    listed = fill_template(ROW | {"letters": True}, "letter", "questions")
    assert listed.text == "A tomato is\nAnswer:"
    with pytest.raises(SaladError, match="'q' has 27 choices"):
        fill_template(ROW | {"choices": ["x"] * 27}, "letter", "questions")


def test_examples_precede_the_question_which_is_never_its_own_example(tokenizer):
    builder = PromptBuilder(tokenizer, 512, shots=2)
    solved = [ROW | {"id": f"e{i}", "text": f"Example {i} is", "answer": i % 2} for i in range(3)]
    examples = [builder.example(row, "solved") for row in [ROW, *solved]]
    question = builder.build(ROW, examples, "questions")
    assert question.context == "Example 0 is a berry\n\nExample 1 is a clock\n\nA tomato is"
    assert tokenizer.decode(question.prompt.input_ids) == question.context
    assert question.shots == 2
    same_words = builder.build(ROW | {"id": "another"}, examples, "questions")
    assert same_words.context == question.context


@pytest.mark.parametrize(
    "example, question, same",
    [
        ("Is a tomato a berry?", "Is a tomato a berry", True),
        ("Is a tomato a berry?", "is a  Tomato\na berry ?", True),
        ("Is “a tomato” a berry?", 'Is "a tomato" a berry?', True),
        ("Où est le café?", "Où est le café?", True),  # composed and decomposed
        ("Ｉｓ ａ tomato a berry？", "Is a tomato a berry?", True),
        ("Is a to\u00admato a berry?", "Is a tomato a berry?", True),
        ("Wie heißt die Straße?", "WIE HEISST DIE STRASSE?", True),
        ("番茄是浆果吗？", "番茄 是浆果吗?", True),
        ("?!", "? !", True),
        ("Is a potato a berry?", "Is a tomato a berry?", False),
        ("What is 2 + 2?", "What is 2 < 2?", False),
        ("क्या यह है?", "क्या यहा है?", False),  # a vowel sign more
        ("?!", "!!", False),
        ("What is -5 + 3?", "What is 5 + 3?", False),
        ("What is - 5 + 3?", "what is \u22125+3", True),
        ("Are 1.5 kg heavy?", "Are 15 kg heavy?", False),
        ("Are 1,500 kg heavy?", "Are 1500 kg heavy?", True),
        ("What is C#?", "What is C?", False),
        ("Is covid-19 a virus?", "Is Covid 19 a virus?", True),
    ],
)
def test_an_example_that_is_the_question_but_for_its_spelling_is_left_out(example, question, same, tokenizer):
    builder = PromptBuilder(tokenizer, 512, shots=2)
    examples = [builder.example(ROW | {"id": "e", "text": example}, "solved")]
    assert builder.build(ROW | {"text": question}, examples, "questions").shots == (0 if same else 1)


def test_examples_are_removed_first_and_then_words_from_the_left(tokenizer):
    solved = [ROW | {"id": f"e{i}", "text": f"Example {i} is"} for i in (1, 2)]
    examples = [PromptBuilder(tokenizer, 512).example(row, "solved") for row in solved]
    whole = PromptBuilder(tokenizer, 512, shots=2).build(LONG, examples, "questions")
    longest = max(len(ids) for ids in whole.continuations)
    one = PromptBuilder(tokenizer, len(whole.prompt) + longest - 2, shots=2).build(LONG, examples, "questions")
    assert (one.shots, one.words_dropped) == (1, 0)
    bare = len(tokenizer(LONG["text"])["input_ids"])
    cut = PromptBuilder(tokenizer, bare + longest - 2, shots=2).build(LONG, examples, "questions")
    assert (cut.shots, cut.words_dropped) == (0, 1)
    assert cut.context == LONG["text"].removeprefix("Nobody ")
    assert len(cut.prompt) + longest - 1 <= bare + longest - 2
    assert [list(ids) for ids in cut.continuations] == [list(ids) for ids in whole.continuations]
    assert PromptBuilder(tokenizer, longest - 1).build(LONG, [], "questions") is None


def test_a_spoken_question_is_its_recording_and_its_options_are_text(rows, tokenizer, speech_input):
    row = rows[0]
    heard = PromptBuilder(tokenizer, 512, "letter", speech_input).build(row, [], "questions")
    (span,) = heard.prompt.spans
    assert heard.prompt.speech_mask.tolist() == [True] * span.vectors + [False] * (len(heard.prompt) - span.vectors)
    listed = fill_template(row, "letter", "questions").after_question
    assert tokenizer.decode(heard.prompt.input_ids[span.vectors :]) == listed
    read = PromptBuilder(tokenizer, 512, "letter").build(row, [], "questions")
    assert heard.continuations == read.continuations and heard.context == read.context


def test_options_may_be_speech_too(rows, tokenizer, speech_input):
    row = with_choices(rows[0])
    question = PromptBuilder(tokenizer, 512, "letter", speech_input, spoken_options=True).build(row, [], "questions")
    assert len(question.prompt.spans) == 1 + len(row["choices"])
    mask, texts, begin = question.prompt.speech_mask, [], 0
    for end in [*np.flatnonzero(np.diff(mask)) + 1, len(mask)]:
        if not mask[begin]:
            texts.append(tokenizer.decode(question.prompt.input_ids[begin:end]))
        begin = end
    assert texts == [*(f"\n{letter}." for letter in "ABCD"), "\nAnswer:"]


def test_examples_are_speech_where_the_question_is_unless_set_to_text(rows, tokenizer, speech_input):
    first, second = rows[:2]
    solution = f" {second['choices'][second['answer']]}\n\n"
    for spoken in (True, False):
        builder = PromptBuilder(tokenizer, 512, "continuation", speech_input, spoken_examples=spoken, shots=1)
        question = builder.build(first, [builder.example(second, "solved")], "questions")
        assert len(question.prompt.spans) == 1 + spoken
        before = question.prompt.input_ids[: -question.prompt.spans[-1].vectors]
        before = before[question.prompt.spans[0].vectors :] if spoken else before
        assert tokenizer.decode(before) == (solution if spoken else second["text"] + solution)


def test_a_recording_is_cut_where_a_word_begins_and_not_without_word_times(rows, tokenizer, speech_input):
    row = max(rows, key=lambda row: row["words"][1]["start"] or 0)  # the longest first word
    whole = PromptBuilder(tokenizer, 512, "continuation", speech_input).build(row, [], "questions")
    longest = max(len(ids) for ids in whole.continuations)
    cut = PromptBuilder(tokenizer, len(whole.prompt) + longest - 2, "continuation", speech_input).build(
        row, [], "questions"
    )
    assert cut.words_dropped == 1
    seconds = row["words"][-1]["end"] - row["words"][1]["start"]
    assert cut.prompt.spans[0].vectors == pytest.approx(seconds * 12.5, abs=1.5)
    builder = PromptBuilder(tokenizer, len(whole.prompt) - 1, "continuation", speech_input)
    assert builder.build(row | {"words": None}, [], "questions") is None


def test_no_more_words_are_cut_than_must_be_also_where_some_have_no_times(rows, tokenizer, speech_input):
    row = next(row for row in rows if any(word["start"] is None for word in row["words"][2:-2]))
    builder = PromptBuilder(tokenizer, 512, "continuation", speech_input)
    whole = builder.build(row, [], "questions")
    starts = [word["start"] for word in row["words"]]
    longest = max(len(ids) for ids in whole.continuations)
    lengths = {
        first: speech_input.question_span(row, tokenizer, first, "questions").vectors
        for first, start in enumerate(starts)
        if start is not None
    }
    for length in range(min(lengths.values()), len(whole.prompt)):
        cut = PromptBuilder(tokenizer, length + longest - 1, "continuation", speech_input).build(row, [], "questions")
        fewest = min(first for first, vectors in lengths.items() if vectors <= length)
        assert cut.words_dropped == fewest and len(cut.prompt) == lengths[fewest] <= length


class CountingFrontEnd:
    """The model's front end, which counts the recordings that it encodes."""

    def __init__(self, front_end):
        self.front_end, self.sample_rate, self.heard = front_end, front_end.sample_rate, 0

    def frames(self, recordings):
        self.heard += len(recordings)
        return self.front_end.frames(recordings)


def test_a_question_that_is_cut_to_fit_is_encoded_once(rows, tokenizer, speech_input):
    counting = CountingFrontEnd(speech_input.front_end)
    for row in rows[:2]:
        whole = PromptBuilder(tokenizer, 512, "continuation", speech_input).build(row, [], "questions")
        room = len(whole.prompt) + max(len(ids) for ids in whole.continuations) - 2
        builder = PromptBuilder(tokenizer, room, "continuation", SpeechInput(counting, speech_input.layout))
        assert builder.build(row, [], "questions").words_dropped >= 1
    assert counting.heard == 2


def test_at_another_speed_word_times_move_with_the_recording(rows, tokenizer, speech_input):
    slow = SpeechInput(speech_input.front_end, speech_input.layout, Perturbation("speed", 0.5))
    plain = PromptBuilder(tokenizer, 512, "continuation", speech_input).build(rows[0], [], "questions")
    slower = PromptBuilder(tokenizer, 512, "continuation", slow).build(rows[0], [], "questions")
    assert slower.prompt.spans[0].vectors == pytest.approx(2 * plain.prompt.spans[0].vectors, abs=2)


def test_a_choice_that_adds_no_token_is_named(tokenizer):
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.backend_tokenizer.normalizer = Replace(" \u200b", "")
    row = {"id": "question-7", "text": "A tomato is", "choices": ["a berry", "\u200b"], "answer": 0}
    with pytest.raises(SaladError) as raised:
        PromptBuilder(tokenizer, 512).build(row, [], "questions.parquet")
    for named in ("questions.parquet", "'question-7'", repr("\u200b")):
        assert named in raised.value.problem
