"""The order in which training reads the rows of several sources, drawn from a seed."""

import numpy as np
from torch.utils.data import Dataset

from saladkit.rows.frame_sources import StoredLayouts
from saladkit.rows.interleaving import draw_spans, draw_speech_spans, may_cut, pauses_before, whole_text
from saladkit.rows.sequences import SequenceLayout, build_sequence, without_targets
from saladkit.rows.training_rows import TrainingExample, TrainingSource
from saladkit.settings.shared import Spans


def draw_schedule(sizes: list[int], weights: list[float], count: int, seed: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` rows, from sources in proportion to their weights and without replacement within a pass.

    A pass reads all rows of a source once, in random order.

    Args:
        sizes: number of rows of each source.

    Returns:
        The source and the row of each draw, both int64 [count].
    """
    random = np.random.default_rng(seed)
    sources = random.choice(len(sizes), size=count, p=np.array(weights) / sum(weights))
    rows = np.zeros(count, dtype=np.int64)
    for source, size in enumerate(sizes):
        places = np.flatnonzero(sources == source)
        passes = [random.permutation(size) for _ in range(-(-len(places) // size))]
        rows[places] = np.concatenate([*passes, []])[: len(places)]
    return sources, rows


def balance_lengths(lengths: np.ndarray, batch: int, micro: int, window: int, seed: list[int]) -> np.ndarray:
    """Order packed rows so that micro-batches have about the same total length.

    Within each window of `window` batches, rows are dealt out to the batches by length; and then the rows of a batch to
    its micro-batches.

    Args:
        lengths: length of each row, [N].
        batch, micro: rows of a batch and of a micro-batch.

    Returns:
        A permutation of the rows, int64 [N].
    """
    random = np.random.default_rng(seed)
    order = []
    for begin in range(0, len(lengths), batch * window):
        block = begin + np.argsort(-lengths[begin : begin + batch * window], kind="stable")
        batches = _deal(block, -(-len(block) // batch))
        for index in random.permutation(len(batches)):
            order += _deal(batches[index], max(1, batch // micro))
    return np.concatenate(order)


def _deal(rows: np.ndarray, piles: int) -> list[np.ndarray]:
    """Deal rows out to piles, from the first pile to the last and back again."""
    turns = np.arange(len(rows)) % (2 * piles)
    pile = np.where(turns < piles, turns, 2 * piles - 1 - turns)
    return [rows[pile == index] for index in range(piles)]


def group_by_length(lengths: np.ndarray, batch: int, window: int, seed: list[int]) -> np.ndarray:
    """Order padded rows so that the rows of a batch have about the same length.

    Rows are sorted by length within each window of `window` batches, and the batches of a window are shuffled.

    Args:
        lengths: length of each row, [N].
        batch: rows of a batch.

    Returns:
        A permutation of the rows, int64 [N].
    """
    random = np.random.default_rng(seed)
    order = []
    for begin in range(0, len(lengths), batch * window):
        block = begin + np.argsort(lengths[begin : begin + batch * window], kind="stable")
        batches = [block[i : i + batch] for i in range(0, len(block), batch)]
        order += [batches[i] for i in random.permutation(len(batches))]
    return np.concatenate(order)


def count_turns(source: np.ndarray, row: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return how often the row of each draw was drawn before, int64 [N].

    Args:
        source, row, drawn: source, row and number of each draw, [N], in any order.
    """
    order = np.lexsort((drawn, row, source))
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (np.diff(source[order]) != 0) | (np.diff(row[order]) != 0)
    places = np.arange(len(order))
    turns = np.empty(len(order), dtype=np.int64)
    turns[order] = places - np.maximum.accumulate(np.where(begins, places, 0))
    return turns


class TrainingSchedule(Dataset):
    """All examples of a run in the order in which they are read.

    Example i depends on the seed and i alone, so that a resumed run reads the same examples as an uninterrupted one,
    however the rows of a step are distributed over processes. Each pass over a row draws new spans, or takes the next
    of its layouts.

    Args:
        sources: the rows to draw from.
        count: number of examples of the run.
        warm_up: number of examples at the start that are speech only, for the lexical loss.
        batch: rows of one optimizer step, of all processes together.
        packed_micro_batch: number of rows that are packed into one; None if rows are padded.
        layout: how the model lays out speech.
        spans: lengths of text and speech spans, in words.
        text_first: probability that a row begins with text.
    """

    def __init__(
        self,
        sources: list[TrainingSource],
        *,
        count: int,
        warm_up: int = 0,
        batch: int,
        packed_micro_batch: int | None = None,
        layout: SequenceLayout,
        spans: Spans,
        text_first: float,
        seed: int,
    ):
        self.packed_micro_batch = packed_micro_batch
        self.sources, self.warm_up, self.layout, self.seed = sources, warm_up, layout, seed
        self.spans, self.text_first = spans, text_first
        self.lengths = [s.lengths(layout.frames_per_second / layout.frames_per_vector) for s in sources]
        weights = [source.weight for source in sources]
        speech_weights = [0.0 if source.frames is None else source.weight for source in sources]
        phases = [
            self._draw(speech_weights, warm_up, batch, [seed, 0]),
            self._draw(weights, count - warm_up, batch, [seed, 1]),
        ]
        self.source, self.row, self.drawn = (np.concatenate(columns) for columns in zip(*phases, strict=True))
        self.drawn[warm_up:] += warm_up
        self.turn = seed + count_turns(self.source, self.row, self.drawn)

    def _draw(self, weights: list[float], count: int, batch: int, seed: list[int]) -> tuple[np.ndarray, ...]:
        """Return source, row and number of each draw, in the order in which they are read."""
        if count == 0:
            return (np.zeros(0, dtype=np.int64),) * 3
        source, row = draw_schedule([len(s) for s in self.sources], weights, count, [*seed, 0])
        lengths = np.array([self.lengths[s][r] for s, r in zip(source, row, strict=True)])
        if self.packed_micro_batch:
            order = balance_lengths(lengths, batch, self.packed_micro_batch, 16, [*seed, 1])
            return source[order], row[order], order
        # A row of speech is three times as long as its text, so that most batches hold either speech or replay. That
        # needs less padding, and the many text positions of replay do not outweigh those after speech.
        order = group_by_length(lengths, batch, 16, [*seed, 1])
        return source[order], row[order], order

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, index: int) -> TrainingExample:
        source, row = self.sources[self.source[index]], self.row[index]
        text = source.texts[row]
        if source.frames is None:
            sequence = build_sequence(text, whole_text(len(text.splittable) - 1), [], None, self.layout)
            return TrainingExample(
                sequence, text.token_ids, source.ids[row], source.name, source.replay, text.following
            )
        random = np.random.default_rng([self.seed, 2, self.drawn[index]])
        words = source.words[row]
        allowed, pauses = may_cut(text, words), pauses_before(words)
        if isinstance(source.frames, StoredLayouts):  # drawn ahead; warm-up too reads what they hear
            spans, frames = source.frames.layout(source.ids[row], text, int(self.turn[index]))
        else:
            if index < self.warm_up:
                spans = draw_speech_spans(allowed, self.spans, random, pauses)
            else:
                spans = draw_spans(allowed, self.spans, random, pauses, text_first=self.text_first)
            frames = source.frames.of_spans(source.ids[row], spans, words)
        sequence = build_sequence(text, spans, words, frames, self.layout)
        if index < self.warm_up:
            sequence = without_targets(sequence)  # so that the language model need not run
        return TrainingExample(sequence, text.token_ids, source.ids[row], source.name, source.replay, text.following)
