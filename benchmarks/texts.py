"""Texts of tokens at random, as long as they are asked for."""

import numpy as np


def random_texts(lengths: list[int], vocabulary: int, seed: int = 0) -> list[np.ndarray]:
    """Token ids int32 [n], one array a length."""
    random = np.random.default_rng(seed)
    return [random.integers(0, vocabulary, size=length, dtype=np.int32) for length in lengths]


def realistic_lengths(tokens: int, longest: int, seed: int = 0) -> list[int]:
    """Lengths of texts that have so many tokens together, in ascending order as `cache-teacher` reads them.

    Log-normal about 70 tokens, a sentence or two to a paragraph, and never over `longest`.
    """
    random, lengths = np.random.default_rng(seed), []
    while sum(lengths) < tokens:
        lengths.append(int(np.clip(random.lognormal(np.log(70), 0.5), 8, longest)))
    return sorted(lengths)
