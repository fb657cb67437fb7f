"""Read many stored float16 vectors in slices, as float32 of length 1, without holding all of them in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saladkit.selection.embedders.embedder import unit

BYTES = 4  # of a float32


@dataclass(frozen=True)
class Vectors:
    """Several arrays, mostly mapped files, as one matrix [N, D]; `centre` [D] is subtracted from each row."""

    shards: list[np.ndarray]
    centre: np.ndarray | None = None

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.cumsum([0, *(len(shard) for shard in self.shards)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def width(self) -> int:
        """D."""
        return self.shards[0].shape[1]

    def rows(self, begin: int, end: int) -> np.ndarray:
        """Return rows `begin` to `end`, float32 [end - begin, D], of length 1."""
        pieces = []
        for start, shard in zip(self._starts[:-1], self.shards, strict=True):
            low, high = max(begin - start, 0), min(end - start, len(shard))
            if low < high:
                pieces.append(shard[low:high])
        return self._unit(np.concatenate(pieces)) if pieces else np.empty((0, self.width), np.float32)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows with these numbers, int [n], in their order: float32 [n, D], of length 1."""
        order = np.argsort(rows, kind="stable")
        of_shard = np.searchsorted(self._starts, rows[order], side="right") - 1
        pieces = [
            self.shards[shard][rows[order][of_shard == shard] - self._starts[shard]] for shard in np.unique(of_shard)
        ]
        taken = np.empty((len(rows), self.width), np.float32)
        if pieces:
            taken[order] = self._unit(np.concatenate(pieces))
        return taken

    def chunks(self, memory: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield all rows in pieces: the number of the first row, and float32 [n, D] of at most `memory` bytes."""
        count = max(1, memory // (BYTES * self.width))
        for begin in range(0, len(self), count):
            yield begin, self.rows(begin, min(begin + count, len(self)))

    def _unit(self, stored: np.ndarray) -> np.ndarray:
        vectors = stored.astype(np.float32)
        return unit(vectors if self.centre is None else vectors - self.centre)


def mean_of(shards: list[np.ndarray]) -> np.ndarray:
    """Return the mean row of several arrays, float32 [D], summed in float64."""
    total = sum(shard.sum(axis=0, dtype=np.float64) for shard in shards)
    return (total / sum(len(shard) for shard in shards)).astype(np.float32)
