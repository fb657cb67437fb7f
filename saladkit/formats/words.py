"""Words of a text with the times at which they are spoken."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One word of a text, as `text.split()` returns it, with its punctuation.

    Attributes:
        start, end: times in s from the beginning of the recording; None if unknown. Times are never guessed, and
            interleaving does not cut at a word without them.
        score: the aligner's confidence in [0, 1]; None if it has none.
    """

    word: str
    start: float | None
    end: float | None
    score: float | None = None


def split_words(text: str) -> list[tuple[str, int, int]]:
    """Return the words of `text` with their character spans, [(word, begin, end), ...]."""
    spans, cursor = [], 0
    for word in text.split():
        begin = text.index(word, cursor)
        cursor = begin + len(word)
        spans.append((word, begin, cursor))
    return spans
