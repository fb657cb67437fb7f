"""Collect what a training run logs beside the loss: the parts of the loss, and what was read of every source."""

from collections import defaultdict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

AUXILIARY = ("lexical", "phoneme")  # losses of some steps alone
LOSSES = ("distillation", "nll", *AUXILIARY)
COUNTS = ("followed", "alone", "lexical steps", "phoneme steps", "places", "room")
READ = ("rows", "positions", "loss positions", "unread rows")  # of each source


def read_of(source: str, what: str) -> str:
    """Return the name in the log of how much was read of a source; `what` is one of READ."""
    return f"{what} of {source}"


class LossMeter:
    """Add up values of this process since the last log; `means` adds up all processes.

    Args:
        sources: the names of all sources, in the same order in every process.
    """

    def __init__(self, sources: list[str]):
        self.sources = sources
        self._clear()

    def _clear(self) -> None:
        self._sums: dict[str, Tensor | float] = defaultdict(int)
        self.batches: list[tuple[int, list[str], Tensor]] = []

    def add_parts(self, divergence: Tensor, followed: int, nll: Tensor, alone: Tensor | int) -> None:
        """Add the sums of both losses in nats, and the text positions that each is over."""
        for name, value in (("distillation", divergence), ("followed", followed), ("nll", nll), ("alone", alone)):
            self._sums[name] += value

    def add_auxiliary(self, name: str, loss: Tensor) -> None:
        """Add this process's share of a batch's part of a step's loss of AUXILIARY."""
        self._sums[name] += loss.detach()

    def add_step_of(self, name: str) -> None:
        """Count a step with a loss of AUXILIARY."""
        self._sums[f"{name} steps"] += 1

    def add_places(self, filled: int, room: int) -> None:
        """Add the places of a batch that hold a token or a vector, and all its places."""
        self._sums["places"] += filled
        self._sums["room"] += room

    def add_batch(self, step: int, ids: list[str], read: Mapping[str, int], loss: Tensor) -> None:
        """Add the ids of a batch's rows, its loss, and what it has of sources, by names as `read_of`."""
        self.batches.append((step, ids, loss.detach()))
        for name, count in read.items():
            self._sums[name] += count

    def means(self, total: Callable[[Tensor], Tensor], processes: int) -> dict[str, float]:
        """Return the parts of the loss in nats, and what was read of every source; then start again at 0.

        A part that was never computed is left out.

        Args:
            total: sums a tensor over all processes.
        """
        read = [read_of(source, what) for source in self.sources for what in READ]
        found = self._summed(LOSSES, torch.float32, total) | self._summed((*COUNTS, *read), torch.int64, total)
        self._clear()
        means = {"places_used": found["places"] / found["room"]}
        for name, over in (("distillation", "followed"), ("nll", "alone")):
            if found[over]:
                means[name] = found[name] / found[over]
        for name in AUXILIARY:
            if steps := found[f"{name} steps"]:
                means[name] = found[name] / steps * processes
        return means | {name: found[name] for name in read}

    def _summed(self, names: tuple[str, ...], kind: torch.dtype, total: Callable[[Tensor], Tensor]) -> dict:
        device = self.batches[0][2].device
        sums = [torch.as_tensor(self._sums[name], dtype=kind, device=device) for name in names]
        return dict(zip(names, total(torch.stack(sums)).tolist(), strict=True))
