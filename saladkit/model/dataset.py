"""What training reads, in which order: a schedule over several sources, drawn once from the seed."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from torch.utils.data import Dataset

from saladkit.formats.words import Word
from saladkit.model.interleaving import InterleavingOptions, draw_spans, heard_spans, may_cut, whole_text
from saladkit.model.sequence import FrameClock, Sequence, build_sequence
from saladkit.model.text import TokenizedText


class FrameSource(Protocol):
    """Gives the front-end frames [F, width] of a recording by its id."""

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
        ends = np.array([max((word.end or 0.0 for word in words), default=0.0) for words in self.words])
        return np.maximum(tokens, (ends * vectors_per_second).astype(np.int64))


@dataclass(frozen=True)
class TrainingExample:
    """One row as it is read this time, with the tokens that the teacher is asked about."""

    sequence: Sequence
    token_ids: np.ndarray


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

    So a resumed run reads what an undisturbed one would have read, and every pass over a row draws new spans. The first
    `warm_up` examples are speech alone: nothing of them is read, so the lexical loss is all there is to learn from.
    """

    def __init__(
        self,
        sources: list[TrainingSource],
        *,
        count: int,
        warm_up: int = 0,
        batch: int,
        clock: FrameClock,
        options: InterleavingOptions,
        seed: int,
    ):
        self.sources, self.warm_up, self.clock, self.options, self.seed = sources, warm_up, clock, options, seed
        weights = [source.weight for source in sources]
        speech_weights = [0.0 if source.frames is None else source.weight for source in sources]
        phases = [
            self._draw(speech_weights, warm_up, batch, [seed, 0]),
            self._draw(weights, count - warm_up, batch, [seed, 1]),
        ]
        self.source, self.row = (np.concatenate(columns) for columns in zip(*phases, strict=True))

    def _draw(self, weights: list[float], count: int, batch: int, seed: list[int]) -> tuple[np.ndarray, np.ndarray]:
        if count == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        source, row = draw_schedule([len(s) for s in self.sources], weights, count, [*seed, 0])
        by_source = [s.lengths(self.clock.frames_per_second / self.clock.frames_per_vector) for s in self.sources]
        lengths = np.array([by_source[s][r] for s, r in zip(source, row, strict=True)])
        # Speech is three times as long as its text, so batches mostly hold one kind: less padding, and the many
        # text positions of replay rows do not drown those that follow speech.
        order = group_by_length(lengths, batch, 16, [*seed, 1])
        return source[order], row[order]

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, index: int) -> TrainingExample:
        source, row = self.sources[self.source[index]], self.row[index]
        text = source.texts[row]
        if source.frames is None:
            sequence = build_sequence(text, whole_text(len(text.splittable) - 1), [], None, self.clock)
            return TrainingExample(sequence, text.token_ids)
        random = np.random.default_rng([self.seed, 2, index])
        words = source.words[row]
        draw = heard_spans if index < self.warm_up else draw_spans
        spans = draw(may_cut(text, words), self.options, random)
        sequence = build_sequence(text, spans, words, source.frames.row(source.ids[row]), self.clock)
        return TrainingExample(sequence, text.token_ids)
