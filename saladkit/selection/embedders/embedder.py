"""What every embedder is: texts in, vectors of length 1 out, so that texts of one domain lie near each other."""

from collections.abc import Callable
from typing import Protocol

import numpy as np


class Embedder(Protocol):
    """Embeds texts, in any order and number."""

    def encode(self, texts: list[str], advance: Callable[[int], object]) -> np.ndarray:
        """float32 [N, D]; `advance` is told how many texts more are done."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of [N, D], each scaled to length 1; rows of length 0 stay as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
