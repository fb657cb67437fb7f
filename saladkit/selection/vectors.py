"""Many vectors of length 1 that are stored in float16, read in slices as float32 and never held whole."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saladkit.selection.embedders.embedder import unit

BYTES = 4  # of a float32


@dataclass(frozen=True)
class Vectors:
    """Rows of several arrays (mapped files, mostly) as one matrix [N, D]; `centre` [D] is taken off first."""

    shards: list[np.ndarray]
    centre: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", np.cumsum([0, *(len(shard) for shard in self.shards)]))

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def width(self) -> int:
        """D."""
        return self.shards[0].shape[1]

    def rows(self, begin: int, end: int) -> np.ndarray:
        """float32 [end - begin, D], of length 1."""
        pieces = []
        for start, shard in zip(self._starts[:-1], self.shards, strict=True):
            low, high = max(begin - start, 0), min(end - start, len(shard))
            if low < high:
                pieces.append(shard[low:high])
        return self._unit(np.concatenate(pieces)) if pieces else np.empty((0, self.width), np.float32)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The rows of these numbers, int [n], in their order: float32 [n, D], of length 1."""
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
        """(number of the first row, float32 [n, D]) for all rows, of at most `memory` bytes each."""
        count = max(1, memory // (BYTES * self.width))
        for begin in range(0, len(self), count):
            yield begin, self.rows(begin, min(begin + count, len(self)))

    def _unit(self, stored: np.ndarray) -> np.ndarray:
        vectors = stored.astype(np.float32)
        return unit(vectors if self.centre is None else vectors - self.centre)


def mean_of(shards: list[np.ndarray]) -> np.ndarray:
    """The mean row [D] of several arrays, float32, summed in float64."""
    total = sum(shard.sum(axis=0, dtype=np.float64) for shard in shards)
    return (total / sum(len(shard) for shard in shards)).astype(np.float32)
