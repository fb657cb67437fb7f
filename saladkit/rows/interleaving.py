"""Interleave text and speech at random, in spans of whole words (arXiv 2510.13632: lengths are uniform)."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.shared import Spans

# Move a span's end to the longest pause within NEAR words, if one lasts PAUSE seconds: shorter silence is a part of
# a consonant such as p, t or k. Lengths stay in their range, and lose a little of their uniformity.
NEAR, PAUSE = 2, 0.08


@dataclass(frozen=True)
class Span:
    """Words [begin, end) of a text: speech input if `is_speech`, else text input."""

    is_speech: bool
    begin: int
    end: int


def may_cut(text: TokenizedText, words: list[Word]) -> np.ndarray:
    """Return where a span may end, bool [words + 1]: between tokens, and where the time is known.

    Place i is before word i; both ends of the text are always allowed.
    """
    timed = np.array([word.start is not None for word in words] + [words[-1].end is not None])
    allowed = text.splittable & timed
    allowed[0], allowed[-1] = True, True
    return allowed


def pauses_before(words: list[Word]) -> np.ndarray:
    """Return the silence before each word, float64 [words + 1], in s: 0 at both ends and where times are unknown."""
    found = np.zeros(len(words) + 1)
    for place, (word, following) in enumerate(pairwise(words), start=1):
        if word.end is not None and following.start is not None:
            found[place] = max(0.0, following.start - word.end)
    return found


def draw_spans(
    allowed: np.ndarray,
    lengths: Spans,
    random: np.random.Generator,
    pauses: np.ndarray | None = None,
    *,
    text_first: float,
) -> list[Span]:
    """Draw text and speech spans in turn, until all words are covered.

    A span ends where its drawn length does, but at a pause if one is near, so that speech is rarely cut within a sound
    that two words share. Where no cut is allowed at that place, the span ends at the next place that is allowed.

    Args:
        allowed: as `may_cut` returns.
        pauses: as `pauses_before` returns.
        text_first: probability that the first span is text. The paper is silent; its first author's later code has 0.5.
    """
    count, spans, begin = len(allowed) - 1, [], 0
    is_speech = bool(random.random() >= text_first)
    while begin < count:
        words = lengths.speech_words if is_speech else lengths.text_words
        spans.append(_span(is_speech, begin, allowed, words, random, pauses))
        begin, is_speech = spans[-1].end, not is_speech
    return spans


def draw_speech_spans(
    allowed: np.ndarray, lengths: Spans, random: np.random.Generator, pauses: np.ndarray | None = None
) -> list[Span]:
    """Draw speech spans alone, one after another, of the lengths that interleaved speech spans have."""
    count, spans, begin = len(allowed) - 1, [], 0
    while begin < count:
        spans.append(_span(True, begin, allowed, lengths.speech_words, random, pauses))
        begin = spans[-1].end
    return spans


def _span(
    is_speech: bool,
    begin: int,
    allowed: np.ndarray,
    words: tuple[int, int],
    random: np.random.Generator,
    pauses: np.ndarray | None,
) -> Span:
    last = len(allowed) - 1
    end = min(begin + int(random.integers(words[0], words[1] + 1)), last)
    while not allowed[end]:
        end += 1
    if pauses is not None and end < last:
        near = range(max(begin + words[0], end - NEAR), min(begin + words[1], end + NEAR, last) + 1)
        silent = [place for place in near if allowed[place] and pauses[place] >= PAUSE]
        end = max(silent, key=lambda place: (pauses[place], -abs(place - end)), default=end)
    return Span(is_speech, begin, end)


def whole_text(words: int) -> list[Span]:
    """Return one text span of all words."""
    return [Span(False, 0, words)]
