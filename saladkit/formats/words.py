"""Words of a text and the times at which they are spoken."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One whitespace-separated word of the source text, punctuation attached.

    `start` and `end` are seconds from the start of the audio. Both are None where the source of the
    times reported none for this word: interleaving then never cuts there, and nobody guesses.
    `score` is the aligner's confidence in [0, 1]; None where the source has no such notion.
    """

    word: str
    start: float | None
    end: float | None
    score: float | None = None


def split_words(text: str) -> list[tuple[str, int, int]]:
    """The words of `text` with their character spans: [(word, begin, end), ...]."""
    spans, cursor = [], 0
    for word in text.split():
        begin = text.index(word, cursor)
        cursor = begin + len(word)
        spans.append((word, begin, cursor))
    return spans
