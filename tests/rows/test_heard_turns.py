"""Spans of conversations: what users say alone is heard, by whole turns or interleaved; what is learned has targets."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from chat_templates import chat_tokenizer

from saladkit.formats.messages import Turn
from saladkit.formats.words import Word
from saladkit.rows.batched_sequences import collate_sequences, pack_sequences
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.conversations import lay_out_conversation, turns_in, with_units
from saladkit.rows.drawn_rows import RowDrawing
from saladkit.rows.frame_sources import WholeRecordings
from saladkit.rows.heard_turns import draw_turns
from saladkit.rows.interleaving import Place, whole_text
from saladkit.rows.sequences import SequenceLayout, build_sequence, count_targets
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.shared import Spans

LENGTHS = Spans(text_words=(1, 4), speech_words=(1, 3))
TURNS = [
    Turn("system", "Be brief."),
    Turn("user", "one two three four five six seven", ((0, 33),)),
    Turn("assistant", "Eight nine."),
    Turn("user", "ten eleven twelve", ((0, 17),)),
    Turn("assistant", "Thirteen."),
]


@dataclass(frozen=True)
class Recordings:
    """The same frames for every row."""

    frames: np.ndarray

    def row(self, id_):
        return self.frames

    def length(self, id_):
        return len(self.frames)


@pytest.fixture(scope="module")
def laid(tokenizer):
    return lay_out_conversation(ChatTemplate(chat_tokenizer(tokenizer, "Llama 3")), TURNS, "row")


def timed(laid, unknown=()):
    words = [
        Word(f"w{i}", None, None) if i in unknown else Word(f"w{i}", 0.4 * i, 0.4 * i + 0.3)
        for i in range(laid.hearable.sum())
    ]
    return with_units(laid, words)


def draw(laid, words, seed, text_first=0.5, whole_turns=0.5):
    random = np.random.default_rng(seed)
    return draw_turns(laid, words, LENGTHS, random, text_first=text_first, whole_turns=whole_turns)


def test_spans_cover_the_conversation_and_hear_users_alone(laid):
    words, kinds = timed(laid), set()
    for seed in range(200):
        spans = draw(laid, words, seed)
        assert (spans[0].begin, spans[-1].end) == (0, len(laid.hearable))
        for before, after in pairwise(spans):
            assert before.end == after.begin
            assert before.is_speech or after.is_speech  # neighbouring texts are one span
        for span in spans:
            assert not span.is_speech or laid.hearable[span.begin : span.end].all()
        heard = {(span.begin, span.end) for span in spans if span.is_speech}
        kinds.add(tuple(turn in heard for turn in turns_in(laid.hearable)))
    assert kinds == {(False, False), (False, True), (True, False), (True, True)}


def test_how_often_a_turn_is_heard_whole(laid):
    words, (first, _) = timed(laid), turns_in(laid.hearable)

    def share(whole_turns):
        drawn = (draw(laid, words, seed, whole_turns=whole_turns) for seed in range(300))
        return np.mean([any((span.begin, span.end) == first for span in spans if span.is_speech) for spans in drawn])

    assert share(1.0) == 1
    assert 0.6 < share(0.7) < 0.8
    assert share(0.0) == 0  # seven words are more than a span may have


def test_without_text_first_all_turns_are_speech_spans(laid):
    spans = draw(laid, timed(laid), 0, text_first=None)
    heard = np.zeros(len(laid.hearable), dtype=bool)
    for span in spans:
        heard[span.begin : span.end] = span.is_speech
        assert not span.is_speech or span.end - span.begin <= 3
    assert heard.tolist() == laid.hearable.tolist()


@pytest.mark.parametrize("unknown", [(2, 7, 8, 9), (2, 8, 9)], ids=["no time", "one time"])
def test_words_without_times_stay_in_one_span_and_a_turn_that_cannot_be_cut_out_stays_text(laid, unknown):
    words = timed(laid, unknown)
    first, second = turns_in(laid.hearable)
    for seed in range(100):
        spans = draw(laid, words, seed)
        bounds = {span.begin for span in spans} | {span.end for span in spans}
        assert first[0] + 2 not in bounds
        assert not any(span.is_speech and span.end > second[0] for span in spans)


@pytest.mark.parametrize("seed", range(20))
def test_targets_are_the_assistant_s_tokens_and_the_place_before_each_predicts_it(laid, seed):
    words, layout = timed(laid), SequenceLayout(100, 8, modality_tokens=bool(seed % 2))
    frames = np.repeat(np.arange(500, dtype=np.float32)[:, None], 3, axis=1)
    spans = draw(laid, words, seed)
    sequence = build_sequence(laid, spans, words, frames, layout)
    assert sequence.targets.tolist() == np.flatnonzero(laid.learned).tolist()
    assert count_targets(laid, spans) == len(sequence.targets)
    assert sequence.input_ids[sequence.positions + 1].tolist() == laid.token_ids[sequence.targets].tolist()
    # The student reads the teacher's tokens but for those that it hears.
    heard = np.concatenate(
        [np.arange(laid.word_tokens[s.begin], laid.word_tokens[s.end]) for s in spans if s.is_speech]
    )
    read = np.delete(laid.token_ids, heard)
    assert sequence.input_ids[~sequence.speech_mask & (sequence.input_ids >= 0)].tolist() == read.tolist()


def test_with_the_words_in_the_student_reads_what_the_teacher_reads(laid):
    sequence = build_sequence(laid, whole_text(len(laid.hearable)), [], None, None)
    assert sequence.input_ids.tolist() == laid.token_ids.tolist()
    assert sequence.positions.tolist() == (sequence.targets - 1).tolist()


def test_packed_and_padded_rows_predict_from_the_same_places(laid):
    words, layout = timed(laid), SequenceLayout(100, 8)
    frames = np.ones((500, 3), dtype=np.float32)
    rows = [build_sequence(laid, draw(laid, words, seed), words, frames, layout) for seed in range(3)]
    padded, packed = collate_sequences(rows), pack_sequences([rows])
    length = padded["input_ids"].shape[1]
    ids = [padded["input_ids"].flatten()[place + 1] for place in padded["logits_at"] if (place + 1) % length]
    assert ids == [packed["input_ids"].flatten()[place + 1] for place in packed["logits_at"]]
    assert len(ids) == 3 * laid.learned.sum()


@pytest.mark.parametrize("unknown", [(), (0, 1), (2, 8, 9), (2, 7, 8, 9)])
@pytest.mark.parametrize("modality_tokens", [True, False])
@pytest.mark.parametrize("text_first", [0.5, None], ids=["interleaved", "speech alone"])
def test_the_expected_length_is_that_of_draws(laid, text_first, modality_tokens, unknown):
    layout, words = SequenceLayout(100, 8, modality_tokens), timed(laid, unknown)
    frames = WholeRecordings(Recordings(np.ones((500, 3), dtype=np.float32)))
    source = TrainingSource("chats", 1.0, ["a"], [laid], words=[words], frames=frames)
    drawing = RowDrawing(source, layout, LENGTHS, text_first, 0.3)
    drawn = [drawing.lay(0, drawing.stream([seed]))[0].length for seed in range(600)]
    for joined in (True, False):
        assert np.mean(drawn) == pytest.approx(drawing.expected(joined=joined).mean[0], rel=0.015)


def test_a_conversation_is_laid_alike_at_every_place_of_a_window(laid):
    frames = WholeRecordings(Recordings(np.ones((500, 3), dtype=np.float32)))
    source = TrainingSource("chats", 1.0, ["a", "b"], [laid, laid], words=[timed(laid)] * 2, frames=frames)
    drawing = RowDrawing(source, SequenceLayout(100, 8), LENGTHS, 0.5, 0.5)
    stream = drawing.stream([0, 1])
    here, behind = drawing.lay(0, stream, Place(3, 1))
    assert behind == Place(3, 1)
    assert here == drawing.lay(0, stream)[0]
    assert len(drawing.example(here).sequence) == here.length
    others = [drawing.lay(0, drawing.stream([0, seed]))[0].spans for seed in range(20)]
    assert len({tuple(spans) for spans in others}) > 10  # each pass draws anew
