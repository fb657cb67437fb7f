"""Find near duplicates among the texts that are drawn: the first text of each group stays."""

import numpy as np

from saladkit.selection.neighbours import flat_index
from saladkit.selection.vectors import Vectors

AT_ONCE = 4096
ROUNDING = 1e-5  # of a float32 product: the similarity of equal texts is not quite 1


class NearDuplicates:
    """Remember the vectors of drawn texts, and compare further texts with them."""

    def __init__(self, vectors: Vectors, cosine: float):
        """Call two texts near duplicates if their cosine similarity is at least `cosine`."""
        self._vectors, self._cosine = vectors, cosine - ROUNDING
        self._kept = flat_index(vectors.width)

    def know(self, rows: np.ndarray) -> None:
        """Remember rows, int [n], that were drawn before, such as in earlier rounds."""
        for begin in range(0, len(rows), AT_ONCE):
            self._kept.add(self._vectors.take(rows[begin : begin + AT_ONCE]))

    def which_are_new(self, rows: np.ndarray) -> np.ndarray:
        """Return which rows are not near duplicates of an earlier row, bool [n], and remember these rows.

        Args:
            rows: in the order drawn, int [n].
        """
        new = np.zeros(len(rows), dtype=bool)
        for begin in range(0, len(rows), AT_ONCE):
            new[begin : begin + AT_ONCE] = self._which_of_few(rows[begin : begin + AT_ONCE])
        return new

    def _which_of_few(self, rows: np.ndarray) -> np.ndarray:
        vectors = self._vectors.take(rows)
        new = np.ones(len(rows), dtype=bool)
        if self._kept.ntotal:
            new &= self._kept.search(vectors, 1)[0][:, 0] < self._cosine
        near = vectors @ vectors.T >= self._cosine
        for place in range(1, len(rows)):
            new[place] &= not (near[place, :place] & new[:place]).any()
        self._kept.add(vectors[new])
        return new
