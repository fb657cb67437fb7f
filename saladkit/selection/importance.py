"""DSIR: how much likelier a text is among the targets than in the pool (Xie et al., arXiv 2302.03169).

Words and pairs of words are hashed into buckets, and one multinomial over the buckets is fitted to the targets, another
to the pool. The log importance of a text is the sum over its n-grams of the difference of their log probabilities.
Drawing by importance without replacement is the paper's Gumbel top-k.
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np

BUCKETS = 10_000
TOKEN = re.compile(r"\w+|[^\w\s]+")
_PAIR = 0x9E3779B1


class HashedNgrams:
    """Hash the words and pairs of words of a text into buckets."""

    def __init__(self) -> None:
        self._hashes: dict[str, int] = {}

    def buckets(self, text: str) -> np.ndarray:
        """Return the bucket of each word, then of each pair of words: int64 [n] in [0, BUCKETS)."""
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
    """Return the log importance of each of the N texts of the pool, float64 [N], in nats."""
    hashed = HashedNgrams()
    difference = _log_probabilities(targets, hashed) - _log_probabilities(pool, hashed)
    return np.array([difference[hashed.buckets(text)].sum() for text in pool])


def _log_probabilities(texts: Sequence[str], hashed: HashedNgrams) -> np.ndarray:
    counts = np.zeros(BUCKETS)
    for text in texts:
        counts += np.bincount(hashed.buckets(text), minlength=BUCKETS)
    # One n-gram is added to every bucket. The paper's code adds 1e-8 to the probabilities: a single n-gram that the
    # targets lack then outweighs many n-grams that they have.
    return np.log((counts + 1) / (counts.sum() + BUCKETS))
