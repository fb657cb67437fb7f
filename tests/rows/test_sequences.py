"""Sequences against a naive rebuild: a list of items, each a token or a vector."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from saladkit.formats.words import Word
from saladkit.rows.batched_sequences import collate_lexical_targets, collate_sequences
from saladkit.rows.interleaving import Span, draw_spans, may_cut, whole_text
from saladkit.rows.sequences import SequenceLayout, build_sequence, count_targets
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.shared import Spans

LAYOUT = SequenceLayout(frames_per_second=100, frames_per_vector=8)
BINS = 3


def draw_row(seed):
    """A row of 20 words of 1 to 3 tokens, some of them without times; frame i of its speech holds i."""
    random = np.random.default_rng(seed)
    prefix = int(random.integers(0, 2))
    counts = random.integers(1, 4, size=20)
    word_tokens = prefix + np.concatenate([[0], np.cumsum(counts)])
    ids = random.permutation(np.arange(1, word_tokens[-1] + 1)).astype(np.int32)
    splittable = random.random(21) < 0.9
    text = TokenizedText(ids, word_tokens, splittable, prefix)
    ends = np.cumsum(random.uniform(0.1, 0.6, size=20))
    starts = np.concatenate([[0.0], ends[:-1]]) + 0.02
    words = [
        Word(f"w{i}", None, None) if random.random() < 0.2 else Word(f"w{i}", float(s), float(e))
        for i, (s, e) in enumerate(zip(starts, ends, strict=True))
    ]
    frames = np.repeat(np.arange(int(ends[-1] * 100) + 12, dtype=np.float16)[:, None], BINS, axis=1)
    spans = draw_spans(may_cut(text, words), Spans(text_words=(1, 5), speech_words=(1, 4)), random, text_first=0.5)
    return text, words, frames, spans


def naive_items(text, sequence, spans):
    """What stands at each place: the index of a text token, or None for a vector."""
    items = list(range(text.prefix))
    heard = iter(sequence.spans)
    for span in spans:
        if span.is_speech:
            items += [None] * next(heard).vectors
        else:
            items += list(range(text.word_tokens[span.begin], text.word_tokens[span.end]))
    return items


@pytest.mark.parametrize("seed", range(40))
def test_every_text_token_is_the_target_of_the_place_before_it(seed):
    text, words, frames, spans = draw_row(seed)
    sequence = build_sequence(text, spans, words, frames, LAYOUT)
    items = naive_items(text, sequence, spans)
    assert len(sequence) == len(items)
    assert count_targets(text, spans) == len(sequence.targets)
    assert sequence.speech_mask.tolist() == [item is None for item in items]
    assert sequence.input_ids.tolist() == [0 if item is None else int(text.token_ids[item]) for item in items]
    wanted = [
        (place - 1, item) for place, item in enumerate(items) if place > 0 and item is not None and item >= text.prefix
    ]
    wanted.append((len(items) - 1, len(text.token_ids)))  # what follows the text
    assert list(zip(sequence.positions.tolist(), sequence.targets.tolist(), strict=True)) == wanted
    assert (sequence.targets > 0).all()


def exact_frame(seconds, rounded):
    """The frame boundary of a time as it is printed, in exact arithmetic."""
    return rounded(Fraction(repr(seconds)) * 100)


@pytest.mark.parametrize("seed", range(40))
def test_a_heard_span_is_cut_where_its_first_word_and_the_next_one_start(seed):
    text, words, frames, spans = draw_row(seed)
    sequence = build_sequence(text, spans, words, frames, LAYOUT)
    assert sequence.speech_mask.sum() == sum(speech.vectors for speech in sequence.spans)
    for span, speech in zip([span for span in spans if span.is_speech], sequence.spans, strict=True):
        assert speech.frames.shape == (8 * speech.vectors, BINS)
        assert speech.frames.dtype == np.float32
        start = words[span.begin].start
        first = 0 if start is None else exact_frame(start, math.floor)
        stop, rounded = (words[-1].end, math.ceil) if span.end == len(words) else (words[span.end].start, math.floor)
        last = len(frames) if stop is None else exact_frame(stop, rounded)
        assert speech.frames[0, 0] == first
        assert speech.vectors == -(-(last - first) // 8)
        heard = speech.frames[:, 0]
        expected = np.minimum(np.arange(first, first + 8 * speech.vectors), last - 1)  # the last frame is repeated
        assert heard.tolist() == expected.tolist()


def last_vector(word, origin):
    """The first vector of a span that has heard all of a word, by whole frames."""
    return -(-(round(word.end * 100) - round(origin * 100)) // 8) - 1


@pytest.mark.parametrize("seed", range(40))
def test_a_words_last_vectors_name_its_tokens_and_nothing_else_does(seed):
    text, words, frames, spans = draw_row(seed)
    sequence = build_sequence(text, spans, words, frames, LAYOUT)
    for span, speech in zip([span for span in spans if span.is_speech], sequence.spans, strict=True):
        assert len(speech.lexical_targets) == speech.vectors
        origin = 0.0 if words[span.begin].start is None else words[span.begin].start
        for place, name in enumerate(speech.lexical_targets.tolist()):
            if name >= 0:  # ids are distinct here, so a name tells its word
                token = text.token_ids.tolist().index(name)
                word = int(np.searchsorted(text.word_tokens, token, side="right")) - 1
                assert span.begin <= word < span.end
                # Two roundings, to frames and to vectors.
                assert (words[word].start - origin) / 0.08 - 1.5 <= place <= (words[word].end - origin) / 0.08 + 1.5
        for w in range(span.begin, span.end):
            owned = text.token_ids[text.word_tokens[w] : text.word_tokens[w + 1]].tolist()
            if words[w].start is None or (words[w].end - words[w].start) / 0.08 < len(owned) + 3:
                continue  # too short to be sure of a vector for every token
            following = [word for word in words[w + 1 : span.end] if word.end is not None]
            if any(last_vector(word, origin) == last_vector(words[w], origin) for word in following):
                owned = owned[:-1]  # a vector has one name, and the next word ends in this one
            named = [name for name in speech.lexical_targets.tolist() if name in owned]
            assert named == owned


def test_a_row_that_is_read_has_every_token_but_the_first_and_its_end_as_targets():
    text = TokenizedText(np.arange(5, 12, dtype=np.int32), np.array([0, 3, 7]), np.ones(3, dtype=bool), 0)
    sequence = build_sequence(text, whole_text(2), [], None, LAYOUT)
    assert sequence.input_ids.tolist() == text.token_ids.tolist()
    assert sequence.positions.tolist() == list(range(7))
    assert sequence.targets.tolist() == list(range(1, 8))
    begun = TokenizedText(text.token_ids, text.word_tokens + np.array([1, 0, 0]), text.splittable, 1)
    assert build_sequence(begun, whole_text(2), [], None, LAYOUT).targets.tolist() == list(range(1, 8))


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("words", [1, 2, 6])
def test_only_spans_that_reach_the_end_of_a_text_have_its_end_as_a_target(words, heard):
    text, times, frames, _ = draw_row(3)
    whole = build_sequence(text, [Span(heard, 0, 20)], times, frames, LAYOUT)
    assert (whole.positions[-1], whole.targets[-1]) == (len(whole) - 1, len(text.token_ids))
    part = build_sequence(text, [Span(heard, 0, words)], times, frames, LAYOUT)
    assert part.targets.max(initial=0) < len(text.token_ids)
    assert len(part.targets) == (0 if heard else text.word_tokens[words] - 1)


@pytest.mark.parametrize("prefix", [0, 1])
def test_a_text_of_one_token_is_predicted_where_something_stands_before_it_and_its_end_is_always(prefix):
    text = TokenizedText(
        np.arange(5, 6 + prefix, dtype=np.int32), np.array([prefix, prefix + 1]), np.ones(2, bool), prefix
    )
    read = build_sequence(text, whole_text(1), [], None, LAYOUT)
    assert read.targets.tolist() == list(range(1, prefix + 2))
    heard = build_sequence(text, [Span(True, 0, 1)], [Word("w", 0.0, 0.5)], np.zeros((60, BINS), np.float16), LAYOUT)
    assert (heard.positions.tolist(), heard.targets.tolist()) == ([len(heard) - 1], [prefix + 1])


def test_a_row_that_is_heard_without_word_times_keeps_all_frames():
    text = TokenizedText(np.arange(5, dtype=np.int32), np.array([0, 2, 5]), np.ones(3, dtype=bool), 0)
    frames = np.arange(21, dtype=np.float16)[:, None]
    sequence = build_sequence(text, [Span(True, 0, 2)], [], frames, LAYOUT)
    assert (sequence.positions.tolist(), sequence.targets.tolist()) == ([2], [5])
    assert sequence.spans[0].vectors == 3
    assert sequence.spans[0].frames[:, 0].tolist() == [*range(21), 20, 20, 20]
    assert sequence.spans[0].lexical_targets.tolist() == [-1, -1, -1]


def test_the_first_text_token_after_speech_is_scored_from_the_last_vector():
    text = TokenizedText(np.arange(1, 5, dtype=np.int32), np.arange(5), np.ones(5, dtype=bool), 0)
    words = [Word("a", 0.0, 0.4), Word("b", 0.4, 0.8), Word("c", 0.8, 1.2), Word("d", 1.2, 1.6)]
    spans = [Span(True, 0, 2), Span(False, 2, 4)]
    sequence = build_sequence(text, spans, words, np.zeros((160, BINS), np.float16), LAYOUT)
    assert sequence.spans[0].vectors == 10
    assert sequence.positions.tolist() == [9, 10, 11]
    assert sequence.targets.tolist() == [2, 3, 4]


def test_speech_longer_than_the_recording_still_has_a_vector():
    text = TokenizedText(np.arange(1, 3, dtype=np.int32), np.arange(3), np.ones(3, dtype=bool), 0)
    words = [Word("a", 0.0, 5.0), Word("b", 5.0, 5.1)]
    sequence = build_sequence(
        text, [Span(False, 0, 1), Span(True, 1, 2)], words, np.zeros((10, BINS), np.float16), LAYOUT
    )
    assert sequence.spans[0].vectors == 1
    assert sequence.spans[0].frames.shape == (8, BINS)


def test_collating_pads_at_the_end_and_lists_flat_positions():
    rows = [draw_row(seed) for seed in (1, 2, 3)]
    sequences = [build_sequence(text, spans, words, frames, LAYOUT) for text, words, frames, spans in rows]
    sequences.append(build_sequence(rows[0][0], whole_text(20), [], None, LAYOUT))
    batch = collate_sequences(sequences)
    width = max(len(sequence) for sequence in sequences)
    assert batch["input_ids"].shape == batch["speech_mask"].shape == (4, width)
    flat = []
    for row, sequence in enumerate(sequences):
        assert batch["input_ids"][row, : len(sequence)].tolist() == sequence.input_ids.tolist()
        assert batch["speech_mask"][row, : len(sequence)].tolist() == sequence.speech_mask.tolist()
        assert not batch["input_ids"][row, len(sequence) :].any()
        assert not batch["speech_mask"][row, len(sequence) :].any()
        flat += [row * width + position for position in sequence.positions.tolist()]
    assert batch["logits_at"].tolist() == flat
    heard = [span for sequence in sequences for span in sequence.spans]
    assert batch["speech_lengths"].tolist() == [span.vectors for span in heard]
    assert batch["speech_mask"].sum() == batch["speech_lengths"].sum()
    for index, span in enumerate(heard):
        assert torch.equal(batch["speech_frames"][index, : len(span.frames)], torch.from_numpy(span.frames))
        assert not batch["speech_frames"][index, len(span.frames) :].any()
    names = collate_lexical_targets(sequences)
    assert names.shape == (len(heard), max(span.vectors for span in heard))
    for index, span in enumerate(heard):
        assert names[index, : span.vectors].tolist() == span.lexical_targets.tolist()
        assert (names[index, span.vectors :] == -1).all()


def test_a_batch_without_speech_has_no_speech_tensors():
    text = draw_row(0)[0]
    batch = collate_sequences([build_sequence(text, whole_text(20), [], None, LAYOUT)])
    assert batch.keys() == {"input_ids", "logits_at"}


def test_of_frames_of_80_ms_too_the_first_that_has_heard_all_of_a_word_names_it():
    words = [Word("a", 0.1, 0.5), Word("b", 0.58, 0.9)]  # 1.25 to 6.25 frames, 7.25 to 11.25
    text = TokenizedText(np.array([5, 6], dtype=np.int32), np.arange(3), np.ones(3, dtype=bool), 0)
    codes = np.arange(12, dtype=np.uint16)[:, None]
    sequence = build_sequence(text, [Span(True, 0, 2)], words, codes, SequenceLayout(12.5, 1))
    (speech,) = sequence.spans
    assert speech.frames[:, 0].tolist() == list(range(1, 12))
    assert speech.lexical_targets.tolist() == [-1] * 5 + [5] + [-1] * 4 + [6]


@pytest.mark.parametrize("rate", [100.0, 50.0, 12.5, 43.066])
def test_no_frame_of_a_span_reaches_behind_its_end_and_none_of_its_audio_before_its_last_frame_is_lost(rate):
    layout = SequenceLayout(frames_per_second=rate, frames_per_vector=1)
    for hundredths in range(3000):
        time, frames = hundredths / 100, Fraction(hundredths, 100) * Fraction(repr(rate))
        assert (layout.frame(time), layout.frame_after(time)) == (math.floor(frames), math.ceil(frames))


@pytest.mark.parametrize("ends", [(0.4, 0.479), (0.401, 0.402), (0.0, 0.01)])
def test_a_span_shorter_than_a_frame_keeps_the_frame_in_which_it_starts(ends):
    words = [Word("a", ends[0], ends[1]), Word("b", ends[1], 0.9)]
    text = TokenizedText(np.array([5, 6], dtype=np.int32), np.arange(3), np.ones(3, dtype=bool), 0)
    codes = np.arange(12, dtype=np.uint16)[:, None]
    sequence = build_sequence(text, [Span(True, 0, 1), Span(False, 1, 2)], words, codes, SequenceLayout(12.5, 1))
    assert sequence.spans[0].frames.tolist() == [[int(ends[0] / 0.08)]]
