"""Collect what a training run with rollouts logs of each source: how far student and teacher are apart there."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from saladkit.formats.rollouts import TAIL
from saladkit.rows.training_rows import TrainingSource
from saladkit.teacher.head import LossRequest
from saladkit.teacher.rollout_loss import LABEL, LEAST_RATIO, MOST_RATIO, OUTSIDE, RATIO, RolloutRequest

BINS, WIDTH = 400, 0.1  # of the histogram of the teacher's log-probabilities: nats from 0 down
DIVERGENCE, TAIL_OF_TEACHER = "divergence", "teacher log-probability 5%"
FIGURES = (
    *(DIVERGENCE, "ratio", "effective samples", "clipped"),
    *("teacher log-probability", TAIL_OF_TEACHER, "outside top k"),
)
SUMS = ("positions", "divergence", "ratio", "squared", "drawn", "clipped", "label", "labels", "outside", "cut")


def logged_of(source: str, what: str) -> str:
    """Return the name in the log of a figure of a source."""
    return f"{what} of {source}"


def measured_names(sources: Sequence[TrainingSource]) -> list[str]:
    """Return the names of all that is measured: every source, and apart the rollouts whose prompts were read.

    Empty without rollouts.
    """
    rollouts = [source for source in sources if source.is_rollouts]
    return [source.name for source in sources if rollouts] + [read_part(source.name) for source in rollouts]


def read_part(rollouts: str) -> str:
    """Return by what name those rollouts of a source are measured whose prompts were read."""
    return f"{rollouts} (read)"


class RolloutMeter:
    """Add up values of this process since the last log; `means` adds up all processes.

    Args:
        sources: as `measured_names`, in the same order in every process.
    """

    def __init__(self, sources: list[str]):
        self.sources = sources
        self._clear()

    def _clear(self) -> None:
        self._sums: dict[tuple[str, str], Tensor | float] = defaultdict(float)
        self._histograms: dict[str, Tensor] = {}

    def add(self, requests: Sequence[LossRequest], batch: dict) -> None:
        """Add what was measured at the positions of a batch."""
        for request in requests:
            if self.sources and request.measured is not None:
                self._add_request(request, request.measured, batch)

    def _add_request(self, request: LossRequest, divergences: Tensor, batch: dict) -> None:
        begin = 0
        for source, count in self._rows(batch, isinstance(request, RolloutRequest)):
            here = slice(begin, begin + count)
            self._add(source, "positions", count)
            self._add(source, "divergence", divergences[here].sum())
            if isinstance(request, RolloutRequest):
                self._add_figures(source, request.figures[here])
            begin += count

    def _rows(self, batch: dict, rollouts: bool) -> list[tuple[str, int]]:
        """Return source and number of positions of each row of a request."""
        begin = batch["followed"] if rollouts else 0
        rows = slice(begin, begin + batch["rollouts" if rollouts else "followed"])
        counts = [len(targets) for targets in batch["targets"][rows]]
        return list(zip(batch["measured"][rows], counts, strict=True))

    def _add(self, source: str, what: str, value: Tensor | float) -> None:
        self._sums[source, what] += value.detach().double() if isinstance(value, Tensor) else value

    def _add_figures(self, source: str, figures: Tensor) -> None:
        """Add the figures of a rollout, as `RolloutRequest.figures`."""
        label, ratio, outside = (figures[:, column] for column in (LABEL, RATIO, OUTSIDE))
        label, ratio, outside = (values[~values.isnan()] for values in (label, ratio, outside))
        bins = (-label / WIDTH).clamp(0, BINS - 1).long()
        counted = torch.bincount(bins, minlength=BINS).double()
        self._histograms[source] = self._histograms.get(source, 0) + counted
        self._add(source, "label", label.clamp(min=-BINS * WIDTH).sum())
        self._add(source, "labels", len(label))
        self._add(source, "ratio", ratio.sum())
        self._add(source, "squared", ratio.square().sum())
        self._add(source, "drawn", len(ratio))
        self._add(source, "clipped", ((ratio < LEAST_RATIO) | (ratio > MOST_RATIO)).sum())
        self._add(source, "outside", outside.sum())
        self._add(source, "cut", len(outside))

    def means(self, total: Callable[[Tensor], Tensor], device: torch.device) -> dict[str, float]:
        """Return the figures of every source, by names as `logged_of`; then start again at 0.

        A figure that was never computed is left out.

        Args:
            total: sums a tensor over all processes.
        """
        found: dict[str, float] = {}
        for source in self.sources:
            values = [torch.as_tensor(self._sums[source, name], dtype=torch.float64, device=device) for name in SUMS]
            histogram = self._histograms.get(source, torch.zeros(BINS, dtype=torch.float64, device=device))
            sums = total(torch.cat([torch.stack(values), histogram])).tolist()
            figures = _figures(dict(zip(SUMS, sums, strict=False)), sums[len(SUMS) :])
            found |= {logged_of(source, name): value for name, value in figures.items()}
        self._clear()
        return found


def _figures(sums: dict[str, float], histogram: list[float]) -> dict[str, float]:
    figures = {}
    if sums["positions"]:
        figures[DIVERGENCE] = sums["divergence"] / sums["positions"]
    if sums["drawn"]:
        figures["ratio"] = sums["ratio"] / sums["drawn"]
        figures["effective samples"] = sums["ratio"] ** 2 / (sums["drawn"] * sums["squared"])
        figures["clipped"] = sums["clipped"] / sums["drawn"]
    if sums["labels"]:
        figures["teacher log-probability"] = sums["label"] / sums["labels"]
        figures[TAIL_OF_TEACHER] = _quantile(histogram)
    if sums["cut"]:
        figures["outside top k"] = sums["outside"] / sums["cut"]
    return figures


def _quantile(histogram: list[float]) -> float:
    """Return the value in nats that a share TAIL of a histogram is below, to the width of a bin."""
    left = TAIL * math.fsum(histogram)
    for place in reversed(range(BINS)):
        left -= histogram[place]
        if left < 0:
            return -(place + 0.5) * WIDTH
    return 0.0
