from itertools import pairwise

import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.rows.interleaving import (
    draw_spans,
    may_cut,
    pauses_before,
    whole_text,
)
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.shared import Spans

LENGTHS = Spans(text_words=(3, 6), speech_words=(2, 4))


def draw(allowed, seed, lengths=LENGTHS, pauses=None, text_first=0.5):
    return draw_spans(np.array(allowed), lengths, np.random.default_rng(seed), pauses, text_first=text_first)


def test_spans_cover_all_words_and_alternate_and_are_as_long_as_allowed():
    lengths = {True: set(), False: set()}
    for seed in range(300):
        spans = draw([True] * 51, seed)
        assert (spans[0].begin, spans[-1].end) == (0, 50)
        for before, after in pairwise(spans):
            assert before.end == after.begin
            assert before.is_speech != after.is_speech
            lengths[before.is_speech].add(before.end - before.begin)
        low, high = (2, 4) if spans[-1].is_speech else (3, 6)
        assert 1 <= spans[-1].end - spans[-1].begin <= high
    assert lengths == {True: {2, 3, 4}, False: {3, 4, 5, 6}}


def test_no_span_ends_where_no_cut_is_allowed():
    for seed in range(300):
        allowed = np.random.default_rng(seed).random(41) < 0.4
        allowed[[0, -1]] = True
        for span in draw(allowed, seed):
            low, high = (2, 4) if span.is_speech else (3, 6)
            assert allowed[span.end]
            # A span longer than it may be drawn ran on to the next place that may be cut, and no further.
            assert not allowed[span.begin + high : span.end].any()
            assert span.end - span.begin >= min(low, 40 - span.begin)


def test_the_same_seed_draws_the_same_spans_and_another_draws_others():
    assert draw([True] * 41, 3) == draw([True] * 41, 3)
    assert len({tuple(draw([True] * 41, seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("text_first, low, high", [(0.0, 0, 0), (0.25, 0.15, 0.35), (1.0, 1, 1)])
def test_how_often_text_comes_first(text_first, low, high):
    lengths = Spans(text_words=(1, 2), speech_words=(1, 2))
    read_first = np.mean(
        [not draw([True] * 9, seed, lengths, text_first=text_first)[0].is_speech for seed in range(400)]
    )
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
    one_word = Spans(text_words=(1, 1), speech_words=(1, 1))
    assert {span.end for seed in range(20) for span in draw(allowed, seed, one_word)} == {1, 3}


def test_spans_end_at_pauses_near_where_they_were_drawn_to_end():
    lengths = Spans(text_words=(5, 9), speech_words=(4, 8))
    allowed, ended, drawn = [True] * 61, 0, 0
    pauses = np.zeros(61)
    pauses[::5] = 0.3
    pauses[2::5] = 0.05  # too short
    for seed in range(200):
        with_pauses = draw(allowed, seed, lengths, pauses)
        for before, after in pairwise(with_pauses):
            assert before.end == after.begin
            low, high = lengths.speech_words if before.is_speech else lengths.text_words
            assert low <= before.end - before.begin <= high
            drawn += 1
            ended += before.end % 5 == 0
        assert draw(allowed, seed, lengths, np.zeros(61)) == draw(allowed, seed, lengths)
        alone = draw(allowed, seed, lengths, pauses, text_first=None)[:-1]
        drawn, ended = drawn + len(alone), ended + sum(span.end % 5 == 0 for span in alone)
    assert ended / drawn > 0.7  # 0.2 by chance


def test_the_longest_pause_is_taken_and_only_where_a_cut_is_allowed():
    lengths = Spans(text_words=(5, 5), speech_words=(3, 7))
    pauses = np.zeros(21)
    pauses[[3, 4, 6]] = 0.1, 0.4, 0.2
    ends = {draw([True] * 21, seed, lengths, pauses, text_first=0.0)[0].end for seed in range(50)}
    assert ends == {4, 6}  # a span drawn to end at 7 reaches 5 to 7, any other 4
    allowed = np.ones(21, bool)
    allowed[4] = False
    assert 4 not in {draw(allowed, seed, lengths, pauses, text_first=0.0)[0].end for seed in range(50)}


def test_pauses_are_what_is_between_known_times():
    words = [Word("a", 0.1, 0.2), Word("b", 0.5, 0.6), Word("c", None, None), Word("d", 0.9, 1.0), Word("e", 0.99, 1.2)]
    assert pauses_before(words).tolist() == pytest.approx([0, 0.3, 0, 0, 0, 0])


def test_a_whole_text_is_one_span():
    assert [(s.is_speech, s.begin, s.end) for s in whole_text(7)] == [(False, 0, 7)]


@pytest.mark.parametrize("name", ["text_words", "speech_words"])
@pytest.mark.parametrize("lengths", [(0, 0), (0, 4), (5, 2), (-1, 3)])
def test_lengths_that_cannot_be_drawn_are_refused(name, lengths):
    with pytest.raises(SaladError) as raised:
        Spans(**{name: lengths})
    assert name.replace("_", "-") in raised.value.problem
