"""The interface of an embedder: texts in, vectors of length 1 out."""

from collections.abc import Callable
from typing import Protocol

import numpy as np


class Embedder(Protocol):
    """Embed texts so that similar texts get near vectors. The order of the texts changes no vector."""

    def encode(self, texts: list[str], advance: Callable[[int], object]) -> np.ndarray:
        """Return one vector per text, float32 [N, D], each of length 1 or 0.

        Args:
            advance: called after each batch with the number of texts in it.
        """

    def characters_read(self, texts: list[str]) -> np.ndarray:
        """Return how many characters of each text `encode` reads, int [N]; -1 for all of them."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale each row of [N, D] to length 1; rows of length 0 stay 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
