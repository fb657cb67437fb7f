"""The order in which training reads the rows or windows of several sources, drawn from a seed."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from torch.utils.data import Dataset

from saladkit.rows.drawn_rows import RowDrawing
from saladkit.rows.micro_batches import deal, spread
from saladkit.rows.mixing import counts_of_steps, shares_of_items
from saladkit.rows.row_stream import RowStream
from saladkit.rows.sequences import SequenceLayout, count_targets
from saladkit.rows.training_rows import TrainingSource, Window
from saladkit.rows.windows import WindowStream
from saladkit.settings.training import TrainingSettings

LOOKED_AT = 1000  # rows of a source, to estimate how many positions with a loss its items have


@dataclass(frozen=True)
class StepShape:
    """How the items (rows, or windows) of a step are shared out.

    Attributes:
        micro: items of a micro-batch.
        micro_batches: micro-batches of a step, of all processes together.
        processes: number of processes, to which the micro-batches go in turn.
        packed: whether the rows of a micro-batch are packed.
    """

    micro: int
    micro_batches: int = 1
    processes: int = 1
    packed: bool = True

    @property
    def items(self) -> int:
        """Items of a step."""
        return self.micro * self.micro_batches


class Phase:
    """The steps of a run that draw alike: those of the lexical warm-up, which read speech alone, or all others.

    Attributes:
        streams: for each source, what it is read from: rows alone or windows.
        counts: items of each source in each step, int64 [steps, sources].
    """

    def __init__(
        self,
        sources: list[TrainingSource],
        layout: SequenceLayout,
        settings: TrainingSettings,
        shape: StepShape,
        steps: int,
        *,
        lexical: bool,
    ):
        number = 0 if lexical else 1
        text_first = None if lexical else settings.text_first
        self.streams = [
            _stream(
                RowDrawing(
                    source, layout, settings, text_first, settings.whole_turns, settings.window_context == "window"
                ),
                settings.window,
                [settings.seed, number, index],
            )
            for index, source in enumerate(sources)
        ]
        weights = [0.0 if lexical and not source.draws_spans else source.weight for source in sources]
        by_positions = settings.mix == "positions"
        sizes = [stream.positions if by_positions else stream.rows for stream in self.streams]
        self.shares = shares_of_items(weights, sizes)
        self.counts = counts_of_steps(self.shares, shape.items, steps)
        self.begins = np.cumsum(self.counts, axis=0) - self.counts

    def shares_of_positions(self, *, in_run: bool = False) -> np.ndarray:
        """Return the expected share of each source in the positions, float64 [sources].

        Args:
            in_run: whether by the whole items of this run, instead of in the long run.
        """
        items = self.counts.sum(axis=0) if in_run else self.shares
        positions = items * [stream.positions for stream in self.streams]
        return positions / positions.sum()

    def shares_of_loss(self) -> np.ndarray:
        """Return the share of each source in the positions with a loss, float64 [sources], by its first items."""
        of_loss = self.counts.sum(axis=0) * [_targets(stream) for stream in self.streams]
        return of_loss / max(1.0, of_loss.sum())

    def expected_positions(self) -> float:
        """Return the expected number of positions of all steps."""
        return float((self.counts.sum(axis=0) * [stream.positions for stream in self.streams]).sum())


def _targets(stream: RowStream | WindowStream) -> float:
    """Return the mean number of positions with a loss of the first items."""
    texts, items = stream.drawing.source.texts, math.ceil(LOOKED_AT / stream.rows)
    drawn = [row for number in range(items) for row in stream.window(number)[0]]
    return sum(count_targets(texts[row.row], row.spans) for row in drawn) / items


def _stream(drawing: RowDrawing, window: int, seed: list[int]) -> RowStream | WindowStream:
    return WindowStream(drawing, window, seed) if window else RowStream(drawing, seed)


class TrainingSchedule(Dataset):
    """All rows or windows of a run in the order in which they are read.

    Item i depends on the seed and i alone, so that a resumed run reads what an uninterrupted one reads. Which items
    belong to a step depends on neither batching nor the number of processes: these only share the step's items out.
    """

    def __init__(
        self, sources: list[TrainingSource], layout: SequenceLayout, settings: TrainingSettings, shape: StepShape
    ):
        self.sources, self.shape, self.lexical_steps = sources, shape, settings.lexical_steps
        self.steps, self.windows = settings.max_steps, settings.window > 0
        of_phase = {True: settings.lexical_steps, False: settings.max_steps - settings.lexical_steps}
        self.phases = {
            lexical: Phase(sources, layout, settings, shape, steps, lexical=lexical)
            for lexical, steps in of_phase.items()
            if steps
        }
        self._step = lru_cache(maxsize=2)(self._draw_step)

    def __len__(self) -> int:
        return self.steps * self.shape.items

    def __getitem__(self, index: int) -> Window:
        step, place = divmod(index, self.shape.items)
        source, number = self._step(step)[place]
        stream = self._phase(step)[0].streams[source]
        rows, unread = stream.window(number)
        return Window([stream.drawing.example(drawn) for drawn in rows], unread)

    def items_of_sources(self) -> np.ndarray:
        """Return how many rows or windows of each source the whole run reads, int64 [sources]."""
        return np.sum([phase.counts.sum(axis=0) for phase in self.phases.values()], axis=0)

    def expected_positions(self) -> float:
        """Return the expected number of positions of the whole run."""
        return sum(phase.expected_positions() for phase in self.phases.values())

    def _phase(self, step: int) -> tuple[Phase, int]:
        """Return the phase of a step, and the number of the step in it."""
        lexical = step < self.lexical_steps
        return self.phases[lexical], step if lexical else step - self.lexical_steps

    def _draw_step(self, step: int) -> list[tuple[int, int]]:
        """Return the items of a step in the order in which they are read, each as (source, number in its stream)."""
        phase, number = self._phase(step)
        begins, counts = phase.begins[number].tolist(), phase.counts[number].tolist()
        items = [
            (source, begin + further)
            for source, (begin, count) in enumerate(zip(begins, counts, strict=True))
            for further in range(count)
        ]
        return [items[place] for place in self._order(items, phase.streams)]

    def _order(self, items: list[tuple[int, int]], streams: list[RowStream | WindowStream]) -> list[int]:
        """Share the items of a step out to its micro-batches."""
        if self.windows:
            return spread([source for source, _ in items], self.shape.micro, self.shape.processes)
        lengths = np.array([streams[source].length(number) for source, number in items])
        if self.shape.packed:
            return np.concatenate(deal(lengths, self.shape.micro_batches)).tolist()
        return np.argsort(lengths, kind="stable").tolist()
