"""Interleave text and speech at random, in spans of whole words (arXiv 2510.13632: lengths are uniform)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
    starts, ends = (np.array(times, dtype=np.float64) for times in zip(*((w.start, w.end) for w in words), strict=True))
    silence = starts[1:] - ends[:-1]  # not a number where a time is None
    found[1:-1] = np.where(silence > 0, silence, 0.0)
    return found


class Place(NamedTuple):
    """A place in a stream of spans: behind the first `done` words of a span."""

    span: int
    done: int


START = Place(0, 0)


class SpanStream:
    """Text and speech spans in turn, over the words of one row or of several rows one after another.

    Lengths are drawn in the order of the spans, each when it is first needed, so that rows can be tried at any place.

    Args:
        text_first: probability that the first span is text; None for speech spans alone. The paper is silent; its
            first author's later code has 0.5.
        seed: of what is drawn for a row alone, wherever it lies in the stream (`heard_turns.py`).
    """

    def __init__(
        self, lengths: Spans, random: np.random.Generator, *, text_first: float | None, seed: Sequence[int] = ()
    ):
        self.seed = tuple(seed)
        self._lengths, self._random, self._drawn = lengths, random, list[int]()
        self._speech_alone = text_first is None
        self._first_is_speech = text_first is None or bool(random.random() >= text_first)

    def is_speech(self, span: int) -> bool:
        """Return whether a span is speech."""
        return self._speech_alone or self._first_is_speech == (span % 2 == 0)

    def words(self, span: int) -> int:
        """Return the drawn length of a span."""
        while len(self._drawn) <= span:
            low, high = self._range(len(self._drawn))
            self._drawn.append(int(self._random.integers(low, high + 1)))
        return self._drawn[span]

    def _range(self, span: int) -> tuple[int, int]:
        return self._lengths.speech_words if self.is_speech(span) else self._lengths.text_words

    def over(self, allowed: np.ndarray, pauses: np.ndarray | None, place: Place = START) -> tuple[list[Span], Place]:
        """Return the spans of one row, and the place in the stream behind it.

        A span ends where its drawn length does, but at a pause if one is near, so that speech is rarely cut within a
        sound that two words share. Where no cut is allowed at that place, the span ends at the next place that is
        allowed. A span that is longer than the rest of the row goes on in the next row.

        Args:
            allowed: as `may_cut` returns.
            pauses: as `pauses_before` returns.
        """
        count, begin, spans, (span, done) = len(allowed) - 1, 0, [], place
        while begin < count:
            end = begin + self.words(span) - done
            if end > count:
                spans.append(Span(self.is_speech(span), begin, count))
                return spans, Place(span, done + count - begin)
            low, high = self._range(span)
            end = _end(end, (begin + max(1, low - done), begin + high - done), allowed, pauses)
            spans.append(Span(self.is_speech(span), begin, end))
            begin, span, done = end, span + 1, 0
        return spans, Place(span, done)


def _end(end: int, bounds: tuple[int, int], allowed: np.ndarray, pauses: np.ndarray | None) -> int:
    """Return where a span ends that was drawn to end before word `end`; bounds are the ends that its range allows."""
    last = len(allowed) - 1
    while not allowed[end]:
        end += 1
    if pauses is None or end == last:
        return end
    near = range(max(bounds[0], end - NEAR), min(bounds[1], end + NEAR, last) + 1)
    silent = [place for place in near if allowed[place] and pauses[place] >= PAUSE]
    return max(silent, key=lambda place: (pauses[place], -abs(place - end)), default=end)


def draw_spans(
    allowed: np.ndarray,
    lengths: Spans,
    random: np.random.Generator,
    pauses: np.ndarray | None = None,
    *,
    text_first: float | None,
) -> list[Span]:
    """Draw the spans of one row alone; arguments as `SpanStream` and `SpanStream.over`."""
    return SpanStream(lengths, random, text_first=text_first).over(allowed, pauses)[0]


def whole_text(words: int) -> list[Span]:
    """Return one text span of all words."""
    return [Span(False, 0, words)]
