"""Words of a text with the times at which they are spoken."""

from dataclasses import dataclass
from itertools import accumulate, pairwise

from saladkit.formats.unspaced import cut_unspaced, has_unspaced


@dataclass(frozen=True)
class Word:
    """One word of a text (`split_words`), with its punctuation.

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
    """Return the words of `text` with their character spans, [(word, begin, end), ...].

    Words stand between spaces. Scripts without spaces are cut into words by ICU.

    Raises:
        SaladError: the text has such a script, and the package icu4py is not installed.
    """
    return place_words(text, words_of_text(text))


def words_of_text(text: str) -> list[str]:
    """Return the words of `text`, as `split_words`."""
    if not has_unspaced(text):
        return text.split()
    return [word for chunk in text.split() for word in (cut_unspaced(chunk) if has_unspaced(chunk) else [chunk])]


def joined_words(text: str) -> frozenset[int]:
    """Return the places of the words of `text` that have no space before them; the first word is none of these."""
    spans = split_words(text) if has_unspaced(text) else []
    return frozenset(place for place, (one, other) in enumerate(pairwise(spans), start=1) if one[2] == other[1])


def are_words_of(words: list[str], text: str) -> bool:
    """Return whether `words`, in order, are all of `text` but its spaces, and none of them goes over a space.

    They need not be those of `split_words`: an aligner may have cut a script without spaces in another way.
    """
    if not has_unspaced(text):
        return words == text.split()
    ends = set(accumulate(map(len, words)))
    joined = "".join(words) == "".join(text.split()) and all(words)
    return joined and ends.issuperset(accumulate(map(len, text.split())))


def place_words(text: str, words: list[str]) -> list[tuple[str, int, int]]:
    """Return words of `text` (`are_words_of`) with their character spans."""
    spans, cursor = [], 0
    for word in words:
        begin = text.index(word, cursor)
        cursor = begin + len(word)
        spans.append((word, begin, cursor))
    return spans
