"""Texts that hold a question of the evaluation, word for word: training on their speech would teach the test.

A text is left out if it shares so many words in a row with a question (GPT-3's rule has 13, arXiv 2005.14165, appendix
C), or, of a shorter question with at least 8 words, all of them. Shorter ones cannot be told from what anybody says.
"""

import re
from collections.abc import Iterable

import numpy as np

SHORTEST = 8
WORD = re.compile(r"[^\W_]+")
_UNKNOWN = np.uint64(0x9E3779B97F4A7C15)  # a word that no question has


def words_of(text: str) -> list[str]:
    """Lower-case words, without punctuation."""
    return WORD.findall(text.lower())


class Overlap:
    """Finds the questions' runs of words in texts."""

    def __init__(self, questions: Iterable[tuple[str, str]], ngram: int):
        """Learn the questions: pairs of an id and a text; several wordings of one question may share an id.

        Args:
            ngram: words in a row; of a question with fewer words, all of them.
        """
        self.too_short: set[str] = set()  # questions none of whose wordings is long enough
        self._numbers: dict[str, np.uint64] = {}
        self._random = np.random.default_rng(0)
        by_length: dict[int, dict[int, str]] = {}
        looked_for: set[str] = set()
        for id_, text in questions:
            words = words_of(text)
            if len(words) < min(SHORTEST, ngram):
                self.too_short.add(id_)
                continue
            looked_for.add(id_)
            length = min(ngram, len(words))
            for value in _windows(np.array([self._learn(word) for word in words]), length).tolist():
                by_length.setdefault(length, {}).setdefault(value, id_)
        self.too_short -= looked_for
        self._runs = [(length, np.array(sorted(found), dtype=np.uint64), found) for length, found in by_length.items()]

    def _learn(self, word: str) -> np.uint64:
        if word not in self._numbers:
            self._numbers[word] = self._random.integers(1, 2**63, dtype=np.uint64)
        return self._numbers[word]

    def find(self, text: str) -> str | None:
        """The id of a question that the text holds, or None."""
        words = np.array([self._numbers.get(word, _UNKNOWN) for word in words_of(text)], dtype=np.uint64)
        for length, sorted_runs, questions in self._runs:
            if len(words) < length:
                continue
            found = _windows(words, length)
            place = np.minimum(np.searchsorted(sorted_runs, found), len(sorted_runs) - 1)
            hits = found[sorted_runs[place] == found]
            if len(hits):
                return questions[int(hits[0])]
        return None


def _windows(numbers: np.ndarray, length: int) -> np.ndarray:
    """One number for each run of so many words: a polynomial in the words' numbers, modulo 2^64."""
    with np.errstate(over="ignore"):
        powers = np.array([pow(0x100000001B3, power, 2**64) for power in range(length)], dtype=np.uint64)
        return (np.lib.stride_tricks.sliding_window_view(numbers, length) * powers).sum(axis=1, dtype=np.uint64)
