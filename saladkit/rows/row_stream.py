"""Rows alone, in passes over a source: what training reads without windows."""

from functools import lru_cache

import numpy as np

from saladkit.rows.drawn_rows import DrawnRow, RowDrawing


class RowStream:
    """All draws of a source's rows; draw i depends on the seed and i alone.

    A pass reads all rows once, in random order.

    Attributes:
        lengths: expected positions of each row, float64 [rows].
        positions: their mean.
        rows: rows of a draw, which is 1.
    """

    rows = 1.0

    def __init__(self, drawing: RowDrawing, seed: list[int]):
        self.drawing, self.seed = drawing, seed
        self.lengths = drawing.expected(joined=False).mean
        self.positions = float(self.lengths.mean())
        self._pass = lru_cache(maxsize=2)(self._draw_pass)

    def _draw_pass(self, number: int) -> np.ndarray:
        return np.random.default_rng([*self.seed, 0, number]).permutation(len(self.lengths))

    def row(self, number: int) -> int:
        """Return the row of a draw."""
        which, place = divmod(number, len(self.lengths))
        return int(self._pass(which)[place])

    def length(self, number: int) -> float:
        """Return the expected length of a draw."""
        return float(self.lengths[self.row(number)])

    def window(self, number: int) -> tuple[list[DrawnRow], int]:
        """Return a draw as a window of one row; none goes unread."""
        stream = self.drawing.stream([*self.seed, 1, number], turn=number // len(self.lengths))
        return [self.drawing.lay(self.row(number), stream)[0]], 0
