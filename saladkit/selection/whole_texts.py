"""Compare texts in the words that their embedder has not read: equal beginnings do not make equal texts."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np

from saladkit.formats.embeddings import WHOLE, text_digest
from saladkit.sources.words import words_of

Run = tuple[str, ...]
RUN = 3  # words
AGREEMENT = 0.8  # share of the runs of words beyond what was read that the other text has
MOST_APART = 4  # runs one after another that the other text lacks: those of two other words
_TEXTS_KNOWN = 512  # whose runs of words are kept in memory


class WholeTexts:
    """N texts, and how many characters of each stand in its embedding."""

    def __init__(self, texts: Sequence[str], characters_read: np.ndarray):
        """Take texts and `characters_read`, int [N], `WHOLE` for texts that were read whole."""
        self._texts, self._read = texts, characters_read
        self._runs = lru_cache(maxsize=_TEXTS_KNOWN)(self._runs_of)

    def __len__(self) -> int:
        return len(self._texts)

    def is_truncated(self, row: int) -> bool:
        """Return whether the embedder has read a part of the text alone."""
        return bool(self._read[row] != WHOLE)

    def count_truncated(self) -> int:
        """Return how many texts the embedder has read in part."""
        return int((self._read != WHOLE).sum())

    def digest(self, row: int) -> bytes:
        """Return a digest of all words of a text."""
        return text_digest(" ".join(words_of(self._texts[row])))

    def agree(self, row: int, other: int) -> bool:
        """Return whether each text has most of what the embedder has not read of the other one."""
        (whole, unread), (whole_other, unread_other) = self._runs(row), self._runs(other)
        return _is_mostly_in(unread, whole_other) and _is_mostly_in(unread_other, whole)

    def _runs_of(self, row: int) -> tuple[set[Run], list[Run]]:
        """Return all runs of words of a text, and in order those that end beyond what was read."""
        words = tuple(words_of(self._texts[row]))
        read = len(words) if not self.is_truncated(row) else len(words_of(self._texts[row][: self._read[row]]))
        ends = range(min(RUN, len(words)), len(words) + 1)
        runs = {end: words[max(0, end - RUN) : end] for end in ends}
        return set(runs.values()), [run for end, run in runs.items() if end > read]


def _is_mostly_in(runs: list[Run], others: set[Run]) -> bool:
    shared = [run in others for run in runs]
    apart = max((len(list(group)) for is_shared, group in groupby(shared) if not is_shared), default=0)
    return sum(shared) >= AGREEMENT * len(runs) and apart <= MOST_APART
