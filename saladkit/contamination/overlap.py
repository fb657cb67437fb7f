"""Find texts that contain an evaluation question word for word: training on them would leak the test.

A text contains a question if it shares `ngram` consecutive words with the question (13 by GPT-3's rule, arXiv
2005.14165, appendix C), or all words of a question that has fewer, one after another. Two kinds of wordings are not
looked for, because texts contain them by chance: wordings of fewer than 4 words, and wordings of fewer than 8 words
that several questions share, such as "Which of these is true?". Where a script has no spaces, as many consecutive signs
as make these words are compared (`sources.words.count_words`): of a Chinese question, 20.
"""

from collections.abc import Iterable
from math import ceil

import numpy as np

from saladkit.sources.words import count_words, words_of

SHORTEST = 4
UNAMBIGUOUS = 8  # words; a shorter wording that several questions share is a phrase, not a question
_BASE = 0x100000001B3  # odd, so that it has an inverse modulo 2^64
_UNKNOWN = np.uint64(0x9E3779B97F4A7C15)  # stands for every word that no question has


class Overlap:
    """Find questions in texts by their runs of consecutive words.

    Attributes:
        not_judged: ids of the questions of which no wording is looked for.
    """

    def __init__(self, questions: Iterable[tuple[str, str]], ngram: int):
        """Index the questions.

        Args:
            questions: pairs of an id and a text; a question may come in several wordings, under one id.
            ngram: consecutive words that make an overlap.
        """
        self._numbers: dict[str, np.uint64] = {}
        self._random = np.random.default_rng(0)
        by_length: dict[int, dict[int, str]] = {}
        worded = [(id_, words_of(text)) for id_, text in questions]
        phrases = _shared_phrases(worded)
        looked_for: set[str] = set()
        for id_, words in worded:
            count = count_words(words)
            if count < min(SHORTEST, ngram) or tuple(words) in phrases:
                continue
            looked_for.add(id_)
            length = min(ceil(ngram * len(words) / count), len(words))
            for value in _Hashes(np.array([self._learn(word) for word in words])).of_length(length).tolist():
                by_length.setdefault(length, {}).setdefault(value, id_)
        self.not_judged = {id_ for id_, _ in worded} - looked_for
        self._runs = [(length, np.array(sorted(found), dtype=np.uint64), found) for length, found in by_length.items()]

    def _learn(self, word: str) -> np.uint64:
        if word not in self._numbers:
            self._numbers[word] = self._random.integers(1, 2**63, dtype=np.uint64)
        return self._numbers[word]

    def find(self, text: str) -> str | None:
        """Return the id of a question that the text contains, or None."""
        words = np.array([self._numbers.get(word, _UNKNOWN) for word in words_of(text)], dtype=np.uint64)
        hashes = _Hashes(words)
        for length, sorted_runs, questions in self._runs:
            if len(words) < length:
                continue
            found = hashes.of_length(length)
            place = np.minimum(np.searchsorted(sorted_runs, found), len(sorted_runs) - 1)
            hits = found[sorted_runs[place] == found]
            if len(hits):
                return questions[int(hits[0])]
        return None


def note_not_judged(overlap: Overlap, asked: int) -> str:
    """Return how many of the questions are not looked for, why, and which the first of them are."""
    first = ", ".join(sorted(overlap.not_judged)[:3])
    return (
        f"{len(overlap.not_judged)} of {asked} questions are not looked for, such as {first}: they have fewer than"
        f" {SHORTEST} words, or the same few words as another question"
    )


def _shared_phrases(worded: list[tuple[str, list[str]]]) -> set[tuple[str, ...]]:
    """Return the wordings of fewer than `UNAMBIGUOUS` words that several questions have."""
    asked_by: dict[tuple[str, ...], set[str]] = {}
    for id_, words in worded:
        if count_words(words) < UNAMBIGUOUS:
            asked_by.setdefault(tuple(words), set()).add(id_)
    return {words for words, ids in asked_by.items() if len(ids) > 1}


class _Hashes:
    """Hash the runs of consecutive words of one text: a polynomial in the words' numbers, modulo 2^64.

    Runs of every length are differences of the same sums, divided by the power of their first word.
    """

    def __init__(self, numbers: np.ndarray):
        """Sum up `numbers`, uint64 [n]."""
        with np.errstate(over="ignore"):
            self._sums = np.concatenate([[np.uint64(0)], np.cumsum(numbers * _powers(_BASE, len(numbers)))])
        self._inverses = _powers(pow(_BASE, -1, 2**64), len(numbers))

    def of_length(self, length: int) -> np.ndarray:
        """Return the hash of each run of `length` words, uint64 [n - length + 1]."""
        with np.errstate(over="ignore"):
            found = self._sums[length:] - self._sums[: len(self._sums) - length]
            return found * self._inverses[: len(found)]


def _powers(base: int, count: int) -> np.ndarray:
    """Return base^0, base^1, … modulo 2^64, uint64 [count]."""
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    with np.errstate(over="ignore"):
        return np.multiply.accumulate(factors)
