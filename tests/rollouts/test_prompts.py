"""Prompts: where they end, and how they are laid out."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from saladkit.formats.words import Word
from saladkit.rollouts.known_model import KnownModel
from saladkit.rollouts.prompts import PromptDrawing
from saladkit.rollouts.sources import read_prompts
from saladkit.rows.frame_sources import WholeRecordings
from saladkit.rows.interleaving import Span
from saladkit.rows.prompt_sequences import close_speech
from saladkit.rows.sequences import SequenceLayout, build_sequence
from saladkit.rows.tokens import tokenize
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.rollout import RolloutSettings

TEXT = "one two three four five six seven eight nine ten"
EMPTY = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True)
class Counting:
    """Frames that are numbered, 40 of them a recording."""

    frames: int = 40

    def row(self, id_):
        return np.arange(self.frames, dtype=np.float32)[:, None]

    def length(self, id_):
        return self.frames


@pytest.fixture(scope="module")
def source(tokenizer):
    """Eight rows of the same ten words, each of 0.3 s with a pause of 0.1 s behind it."""
    words = [Word(word, 0.4 * place, 0.4 * place + 0.3) for place, word in enumerate(TEXT.split())]
    ids = [f"row{index}" for index in range(8)]
    return TrainingSource("rows", 1.0, ids, [tokenize(tokenizer, TEXT)] * 8, [words] * 8, WholeRecordings(Counting()))


def ends(source, *words, seed=0, row=0):
    made = PromptDrawing(words, ("text",), seed).of_row(source, row)
    return made if isinstance(made, str) else made[0].words


def test_prompts_end_in_the_range_at_words_drawn_by_seed_and_id(source):
    drawn = {seed: [ends(source, 3, 6, seed=seed, row=row) for row in range(8)] for seed in range(20)}
    assert {end for of_seed in drawn.values() for end in of_seed} == {3, 4, 5, 6}
    assert drawn[0] != drawn[1]
    assert drawn[0] == [ends(source, 3, 6, row=row) for row in range(8)]


def test_a_row_in_the_range_or_below_it_may_be_a_prompt_as_a_whole(source):
    assert ends(source, 11, 20) == 10
    assert ends(source, 10, 20) == 10
    assert {ends(source, 9, 20, seed=seed) for seed in range(20)} == {9, 10}


def test_prompts_end_only_where_times_and_tokens_allow(source):
    untimed = [replace(word, start=None) if place in (4, 5) else word for place, word in enumerate(source.words[0])]
    partly = replace(source, words=[untimed] * 8)
    assert {ends(partly, 4, 6, seed=seed) for seed in range(20)} == {6}
    assert "words 4 to 5 " in ends(partly, 4, 5)
    glued = replace(source.texts[0], splittable=np.array([True, *[False] * 9, True]))
    assert "word" in ends(replace(source, texts=[glued] * 8), 3, 6)


@pytest.mark.parametrize("modality_tokens", [False, True], ids=["bare", "modality tokens"])
@pytest.mark.parametrize("words", [4, 10], ids=["first words", "all words"])
def test_a_heard_prompt_ends_where_a_model_answers_speech(modality_tokens, words, source):
    layout = SequenceLayout(10.0, 2, modality_tokens)
    (prompt,) = PromptDrawing((words, words), ("speech",), 0).of_row(source, 0)
    found = prompt.sequence((), prompt.frames(), layout)
    text, timed = source.texts[0], source.words[0]
    expected = build_sequence(text, [Span(True, 0, words)], timed, Counting().row(""), layout)
    expected = close_speech(replace(expected, targets=EMPTY), layout) if words < 10 else expected
    assert found.input_ids.tolist() == expected.input_ids.tolist()
    assert found.speech_mask.tolist() == expected.speech_mask.tolist()
    assert np.array_equal(found.spans[0].frames, expected.spans[0].frames)
    assert found.spans[0].frames.max() == (15 if words == 4 else 38)  # nothing of the fifth word, from 1.6 s
    assert found.positions.tolist() == [len(found) - 1]
    assert prompt.most_positions(layout) == len(found)


def test_a_response_follows_the_prompt_and_is_all_that_is_predicted(source):
    layout = SequenceLayout(10.0, 2, True)
    heard, read = PromptDrawing((4, 4), ("speech", "text"), 0).of_row(source, 0)
    response = [7, 8, 9]
    for prompt in (heard, read):
        before = prompt.sequence((), prompt.frames(), layout)
        found = prompt.sequence(response, prompt.frames(), layout)
        assert found.input_ids.tolist() == [*before.input_ids, 7, 8, 9]
        assert found.positions.tolist() == list(range(len(before) - 1, len(before) + 3))
        assert found.targets.tolist() == list(range(len(prompt.token_ids), len(prompt.token_ids) + 4))
    assert read.sequence((), None, layout).input_ids.tolist() == read.token_ids.tolist()


def test_rows_that_leave_no_room_for_a_response_are_listed(checkpoint, speech):
    """A model of 40 positions, as GPT-2 has 1,024: speech counts, too."""
    settings = RolloutSettings(prompt_words=(2, 30), max_new_tokens=8, device="cpu")
    known = KnownModel.open(str(checkpoint), settings)
    small = replace(known, limits=replace(known.limits, positions=40))
    found = read_prompts([str(speech)], small, settings)
    assert found.skipped and found.all
    assert all("reads 40" in row["reason"] for row in found.skipped)
    lengths = [len(prompt.sequence((), prompt.frames(), known.layout)) for prompt in found.all]
    assert max(lengths) + 8 <= 40
    everyone = read_prompts([str(speech)], known, settings).all
    assert len(everyone) == len(found.all) + len(found.skipped)
    kept = {prompt.source_id for prompt in found.all}
    left_out = [prompt for prompt in everyone if prompt.source_id not in kept]
    assert all(prompt.most_positions(known.layout) + 8 > 40 for prompt in left_out)
