"""What training reads, in which order: a schedule over several sources, drawn once from the seed."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from torch.utils.data import Dataset

from saladkit.formats.words import Word
from saladkit.rows.interleaving import draw_spans, heard_spans, may_cut, pauses_before, whole_text
from saladkit.rows.sequences import Sequence, SequenceLayout, build_sequence
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.shared import Spans


class FrameSource(Protocol):
    """Gives the front-end frames [F, width] of a recording by its id."""

    @property
    def resampler(self) -> str:
        """The library that resampled the recordings: "torchaudio" or "soxr"."""
        ...

    def row(self, id_: str) -> np.ndarray:
        """The frames of one recording."""
        ...


@dataclass(frozen=True)
class TrainingSource:
    """Rows of one kind. Without frames (and words) it is text to read: replay."""

    name: str
    weight: float
    ids: list[str]
    texts: list[TokenizedText]
    words: list[list[Word]] | None = None
    frames: FrameSource | None = None
    split: int = 0  # how many rows of the source were longer than allowed, and are here in pieces
    left_out: list[str] = field(default_factory=list)  # ids of rows that could not be split
    replay: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def never_cut(self) -> int:
        """How many heard rows have no word inside at which a span may end: they are heard whole or read whole."""
        pairs = zip(self.texts, self.words or [], strict=False)
        return sum(not may_cut(text, words)[1:-1].any() for text, words in pairs)

    def lengths(self, vectors_per_second: float) -> np.ndarray:
        """About how many places each row fills in a sequence, int64 [rows]: its tokens, or its speech if longer."""
        tokens = np.array([len(text.token_ids) for text in self.texts])
        if self.words is None:
            return tokens
        seconds = np.array([_seconds_heard(words) for words in self.words])
        return np.maximum(tokens, (seconds * vectors_per_second).astype(np.int64))


def _seconds_heard(words: list[Word]) -> float:
    times = [time for word in words for time in (word.start, word.end) if time is not None]
    return max(times) - min(times) if times else 0.0


@dataclass(frozen=True)
class TrainingExample:
    """One row as it is read this time, with the tokens that the teacher is asked about, and where it comes from."""

    sequence: Sequence
    token_ids: np.ndarray
    id: str
    source: str
    replay: bool


def draw_schedule(sizes: list[int], weights: list[float], count: int, seed: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Which (source, row) is read at each of `count` places; every source is gone through in permuted passes."""
    random = np.random.default_rng(seed)
    sources = random.choice(len(sizes), size=count, p=np.array(weights) / sum(weights))
    rows = np.zeros(count, dtype=np.int64)
    for source, size in enumerate(sizes):
        places = np.flatnonzero(sources == source)
        passes = [random.permutation(size) for _ in range(-(-len(places) // size))]
        rows[places] = np.concatenate([*passes, []])[: len(places)]
    return sources, rows


def balance_lengths(lengths: np.ndarray, batch: int, micro: int, window: int, seed: list[int]) -> np.ndarray:
    """An order whose micro-batches are about as long as each other, all rows of one added up: for packed rows.

    Within windows of `window` batches, rows are dealt out by length, to and fro; then so to each batch's micro-batches.
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
    """Deal rows out to piles, from the first to the last and back."""
    turns = np.arange(len(rows)) % (2 * piles)
    pile = np.where(turns < piles, turns, 2 * piles - 1 - turns)
    return [rows[pile == index] for index in range(piles)]


def group_by_length(lengths: np.ndarray, batch: int, window: int, seed: list[int]) -> np.ndarray:
    """An order whose neighbours are about as long: sorted within windows of `window` batches, which are shuffled."""
    random = np.random.default_rng(seed)
    order = []
    for begin in range(0, len(lengths), batch * window):
        block = begin + np.argsort(lengths[begin : begin + batch * window], kind="stable")
        batches = [block[i : i + batch] for i in range(0, len(block), batch)]
        order += [batches[i] for i in random.permutation(len(batches))]
    return np.concatenate(order)


class TrainingSchedule(Dataset):
    """All examples of a run in the order in which they are read; example i depends on the seed and i alone.

    So a resumed run reads what an undisturbed one would have read, and every pass over a row draws new spans, the same
    however a step's rows are shared out. The first
    `warm_up` examples are speech alone: nothing of them is read, so the lexical loss is all there is to learn from.

    Args:
        batch: rows of one optimizer step, of all processes.
        spans: lengths of text and speech spans, in words.
        text_first: probability that a row begins with text.
        packed_micro_batch: where rows are packed, how many make one pack; None where they are padded.
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

    def _draw(self, weights: list[float], count: int, batch: int, seed: list[int]) -> tuple[np.ndarray, ...]:
        """Source, row and number of each draw, in the order in which they are read."""
        if count == 0:
            return (np.zeros(0, dtype=np.int64),) * 3
        source, row = draw_schedule([len(s) for s in self.sources], weights, count, [*seed, 0])
        lengths = np.array([self.lengths[s][r] for s, r in zip(source, row, strict=True)])
        if self.packed_micro_batch:
            order = balance_lengths(lengths, batch, self.packed_micro_batch, 16, [*seed, 1])
            return source[order], row[order], order
        # Speech is three times as long as its text, so batches mostly hold one kind: less padding, and the many
        # text positions of replay rows do not drown those that follow speech.
        order = group_by_length(lengths, batch, 16, [*seed, 1])
        return source[order], row[order], order

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, index: int) -> TrainingExample:
        source, row = self.sources[self.source[index]], self.row[index]
        text = source.texts[row]
        if source.frames is None:
            sequence = build_sequence(text, whole_text(len(text.splittable) - 1), [], None, self.layout)
            return TrainingExample(sequence, text.token_ids, source.ids[row], source.name, source.replay)
        random = np.random.default_rng([self.seed, 2, self.drawn[index]])
        words = source.words[row]
        allowed, pauses = may_cut(text, words), pauses_before(words)
        if index < self.warm_up:
            spans = heard_spans(allowed, self.spans, random, pauses)
        else:
            spans = draw_spans(allowed, self.spans, random, pauses, text_first=self.text_first)
        sequence = build_sequence(text, spans, words, source.frames.row(source.ids[row]), self.layout)
        return TrainingExample(sequence, text.token_ids, source.ids[row], source.name, source.replay)
