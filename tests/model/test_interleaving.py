from itertools import pairwise

import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.model.interleaving import InterleavingOptions, draw_spans, may_cut, whole_speech, whole_text
from saladkit.model.text import TokenizedText

OPTIONS = InterleavingOptions(text_words=(3, 6), speech_words=(2, 4))


def draw(allowed, seed, options=OPTIONS):
    return draw_spans(np.array(allowed), options, np.random.default_rng(seed))


def test_spans_cover_all_words_and_alternate_and_are_as_long_as_allowed():
    lengths = {True: set(), False: set()}
    for seed in range(300):
        spans = draw([True] * 51, seed)
        assert (spans[0].begin, spans[-1].end) == (0, 50)
        for before, after in pairwise(spans):
            assert before.end == after.begin
            assert before.heard != after.heard
            lengths[before.heard].add(before.end - before.begin)
        low, high = (2, 4) if spans[-1].heard else (3, 6)
        assert 1 <= spans[-1].end - spans[-1].begin <= high
    assert lengths == {True: {2, 3, 4}, False: {3, 4, 5, 6}}


def test_no_span_ends_where_no_cut_is_allowed():
    for seed in range(300):
        allowed = np.random.default_rng(seed).random(41) < 0.4
        allowed[[0, -1]] = True
        for span in draw(allowed, seed):
            low, high = (2, 4) if span.heard else (3, 6)
            assert allowed[span.end]
            # A span longer than it may be drawn ran on to the next place that may be cut, and no further.
            assert not allowed[span.begin + high : span.end].any()
            assert span.end - span.begin >= min(low, 40 - span.begin)


def test_the_same_seed_draws_the_same_spans_and_another_draws_others():
    assert draw([True] * 41, 3) == draw([True] * 41, 3)
    assert len({tuple(draw([True] * 41, seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("text_first, low, high", [(0.0, 0, 0), (0.25, 0.15, 0.35), (1.0, 1, 1)])
def test_how_often_text_comes_first(text_first, low, high):
    options = InterleavingOptions((1, 2), (1, 2), text_first)
    read_first = np.mean([not draw([True] * 9, seed, options)[0].heard for seed in range(400)])
    assert low <= read_first <= high


def test_a_cut_needs_a_whole_token_and_a_known_time():
    splittable = np.array([True, True, False, True, True])
    text = TokenizedText(np.arange(4, dtype=np.int32), np.arange(5), splittable, 0)
    words = [Word("a", 0.0, 0.2), Word("b", None, None), Word("c", 0.2, 0.4), Word("d", 0.4, 0.5)]
    assert may_cut(text, words).tolist() == [True, False, False, True, True]


def test_both_ends_of_a_text_are_ends_of_spans_whatever_their_times():
    text = TokenizedText(np.arange(3, dtype=np.int32), np.arange(4), np.ones(4, dtype=bool), 0)
    words = [Word("a", None, None), Word("b", 0.2, 0.4), Word("c", None, None)]
    allowed = may_cut(text, words)
    assert allowed.tolist() == [True, True, False, True]
    assert {span.end for seed in range(20) for span in draw(allowed, seed, InterleavingOptions((1, 1), (1, 1)))} == {
        1,
        3,
    }


def test_whole_rows_are_one_span():
    assert [(s.heard, s.begin, s.end) for s in (*whole_speech(7), *whole_text(7))] == [(True, 0, 7), (False, 0, 7)]


@pytest.mark.parametrize("name", ["text_words", "speech_words"])
@pytest.mark.parametrize("lengths", [(0, 0), (0, 4), (5, 2), (-1, 3)])
def test_lengths_that_cannot_be_drawn_are_refused(name, lengths):
    with pytest.raises(SaladError) as raised:
        InterleavingOptions(**{name: lengths})
    assert name.replace("_", "-") in raised.value.problem
