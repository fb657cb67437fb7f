"""Make texts of random tokens."""

import numpy as np


def random_texts(lengths: list[int], vocabulary: int, seed: int = 0) -> list[np.ndarray]:
    """Return random token ids, an array int32 [n] for each length n."""
    random = np.random.default_rng(seed)
    return [random.integers(0, vocabulary, size=length, dtype=np.int32) for length in lengths]


def realistic_lengths(tokens: int, longest: int, seed: int = 0) -> list[int]:
    """Return ascending lengths of texts that together have about `tokens` tokens.

    Lengths are log-normal around 70 tokens (from a sentence to a paragraph), and at most `longest`.
    """
    random, lengths = np.random.default_rng(seed), []
    while sum(lengths) < tokens:
        lengths.append(int(np.clip(random.lognormal(np.log(70), 0.5), 8, longest)))
    return sorted(lengths)
