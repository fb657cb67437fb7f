"""DSIR: how much likelier a text is among the targets than in the pool (Xie et al., arXiv 2302.03169).

A bag of hashed words and pairs of words, a multinomial fitted to the targets and one to the pool; the log importance of
a text is the sum of the differences of its n-grams' log probabilities. Drawing by importance without replacement is
the paper's Gumbel top-k.
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np

BUCKETS = 10_000
TOKEN = re.compile(r"\w+|[^\w\s]+")
_PAIR = 0x9E3779B1


class HashedNgrams:
    """Buckets of the words and pairs of words of a text."""

    def __init__(self) -> None:
        self._hashes: dict[str, int] = {}

    def buckets(self, text: str) -> np.ndarray:
        """int64 [n] in [0, BUCKETS): one a word, then one a pair."""
        known = self._hashes
        words = []
        for token in TOKEN.findall(text.lower()):
            found = known.get(token)
            if found is None:
                found = known[token] = zlib.crc32(token.encode())
            words.append(found)
        single = np.array(words, dtype=np.uint64)
        pairs = (single[:-1] * np.uint64(_PAIR) + single[1:]) % np.uint64(2**61 - 1)
        return np.concatenate([single, pairs]).astype(np.int64) % BUCKETS


def log_importance(pool: Sequence[str], targets: Sequence[str]) -> np.ndarray:
    """float64 [N] for the N texts of the pool, in nats."""
    hashed = HashedNgrams()
    difference = _log_probabilities(targets, hashed) - _log_probabilities(pool, hashed)
    return np.array([difference[hashed.buckets(text)].sum() for text in pool])


def _log_probabilities(texts: Sequence[str], hashed: HashedNgrams) -> np.ndarray:
    counts = np.zeros(BUCKETS)
    for text in texts:
        counts += np.bincount(hashed.buckets(text), minlength=BUCKETS)
    # One more n-gram in every bucket. Their code adds 1e-8 to the probabilities, with which one n-gram that the targets
    # lack weighs as much as many that they have.
    return np.log((counts + 1) / (counts.sum() + BUCKETS))
