"""Random interleaving of text and speech spans, cut at word boundaries (arXiv 2510.13632: spans of uniform length)."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.rows.tokens import TokenizedText

# A span ends at the longest pause that is at most so many words from where it was drawn to end, if there is one of so
# many seconds: what is shorter is the closure of a stop. Lengths stay in their range, and lose a little of uniformity.
NEAR, PAUSE = 2, 0.08


@dataclass(frozen=True)
class InterleavingOptions:
    """How spans are drawn: lengths in words, both ends included; the defaults are the paper's."""

    text_words: tuple[int, int] = (10, 30)
    speech_words: tuple[int, int] = (5, 15)
    text_first: float = 0.5  # the paper is silent; from its first author's later code

    def __post_init__(self):
        for name in ("text_words", "speech_words"):
            low, high = getattr(self, name)
            if not 1 <= low <= high:
                raise SaladError(
                    f"--{name.replace('_', '-')} {low} {high} is no range of lengths",
                    "Give the shortest length, at least 1, and then the longest.",
                )


@dataclass(frozen=True)
class Span:
    """Words [begin, end) of a text, either read or heard."""

    heard: bool
    begin: int
    end: int


def may_cut(text: TokenizedText, words: list[Word]) -> np.ndarray:
    """bool [words + 1]: before which words a span may end; where no token is cut and the time is known."""
    timed = np.array([word.start is not None for word in words] + [words[-1].end is not None])
    allowed = text.splittable & timed
    allowed[0], allowed[-1] = True, True
    return allowed


def pauses_before(words: list[Word]) -> np.ndarray:
    """float64 [words + 1], in s: how long it is silent before each word; 0 at both ends and where times are unknown."""
    found = np.zeros(len(words) + 1)
    for place, (word, following) in enumerate(pairwise(words), start=1):
        if word.end is not None and following.start is not None:
            found[place] = max(0.0, following.start - word.end)
    return found


def draw_spans(
    allowed: np.ndarray, options: InterleavingOptions, random: np.random.Generator, pauses: np.ndarray | None = None
) -> list[Span]:
    """Alternate text and speech spans over all words; a span that may not end where it was drawn to end runs on.

    Where `pauses` tell of silence near the drawn end, the span ends there: speech is cut in the sound of two words as
    seldom as possible.
    """
    count, spans, begin = len(allowed) - 1, [], 0
    heard = bool(random.random() >= options.text_first)
    while begin < count:
        words = options.speech_words if heard else options.text_words
        spans.append(_span(heard, begin, allowed, words, random, pauses))
        begin, heard = spans[-1].end, not heard
    return spans


def heard_spans(
    allowed: np.ndarray, options: InterleavingOptions, random: np.random.Generator, pauses: np.ndarray | None = None
) -> list[Span]:
    """Speech spans alone, one after another, of the lengths that interleaved ones have."""
    count, spans, begin = len(allowed) - 1, [], 0
    while begin < count:
        spans.append(_span(True, begin, allowed, options.speech_words, random, pauses))
        begin = spans[-1].end
    return spans


def _span(
    heard: bool,
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
    return Span(heard, begin, end)


def whole_speech(words: int) -> list[Span]:
    """One span: all of it heard."""
    return [Span(True, 0, words)]


def whole_text(words: int) -> list[Span]:
    """One span: all of it read."""
    return [Span(False, 0, words)]
