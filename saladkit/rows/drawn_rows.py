"""Draw the spans of a source's rows, and count the positions that they fill."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.expected_lengths import ExpectedLengths, expected_lengths
from saladkit.rows.frame_sources import FixedSpans, SpansAlone, StoredLayouts
from saladkit.rows.heard_turns import draw_turns
from saladkit.rows.interleaving import START, Place, Span, SpanStream, may_cut, pauses_before, whole_text
from saladkit.rows.sequences import (
    ANY_LENGTH,
    Frames,
    SequenceLayout,
    build_sequence,
    sequence_length,
    without_targets,
)
from saladkit.rows.training_rows import TrainingExample, TrainingSource
from saladkit.settings.shared import Spans

KEPT = 2048  # rows


@dataclass(frozen=True)
class DrawnRow:
    """A row with its spans, and the number of positions of the sequence that they make.

    Attributes:
        turn: the turn of its layout, if it was drawn ahead.
    """

    row: int
    spans: list[Span]
    length: int
    turn: int = 0


@dataclass(frozen=True)
class StoredTurn:
    """Stands for a stream of spans where they were drawn ahead or are fixed: every row has the layout of this turn."""

    turn: int


@dataclass(frozen=True)
class RowDrawing:
    """How the rows of one source become sequences.

    Attributes:
        layout: how the model lays out speech.
        spans: lengths of text and speech spans, in words.
        text_first: probability that a row alone, or a window, begins with text; None for speech spans alone.
        whole_turns: probability that a user's turn in a conversation is heard whole.
        closed: whether a row brings the token that follows it, because the next row follows in the same context.
    """

    source: TrainingSource
    layout: SequenceLayout
    spans: Spans
    text_first: float | None
    whole_turns: float
    closed: bool = False

    def stream(self, seed: list[int], turn: int = 0) -> SpanStream | StoredTurn | None:
        """Begin a stream of spans; None for a source of text only.

        Args:
            turn: number of the pass over the source, for layouts that were drawn ahead.
        """
        if self.source.frames is None:
            return None
        if isinstance(self.source.frames, StoredLayouts):
            return StoredTurn(seed[0] + turn)
        if isinstance(self.source.frames, FixedSpans):
            return StoredTurn(0)
        return SpanStream(self.spans, np.random.default_rng(seed), text_first=self.text_first, seed=seed)

    def lay(self, row: int, stream: SpanStream | StoredTurn | None, place: Place = START) -> tuple[DrawnRow, Place]:
        """Return a row with the spans that it has at a place of the stream, and the place behind it."""
        text, frames = self.source.texts[row], self.source.frames
        if stream is None or self.source.words is None:
            length = len(text.token_ids) + self._closing(row)
            return DrawnRow(row, whole_text(len(text.splittable) - 1), length), place
        words = self.source.words[row]
        if isinstance(frames, FixedSpans):
            return self._fixed(row, frames, words), place
        if isinstance(stream, StoredTurn):
            assert isinstance(frames, StoredLayouts)
            spans, counts = frames.spans(self.source.ids[row], text, stream.turn)
            length = sequence_length(text, spans, words, counts, self.layout) + self._closing(row)
            return DrawnRow(row, spans, length, stream.turn), place
        if text.hearable is None:
            spans, behind = stream.over(*self._cuts(row), place)
        else:
            spans, behind = self._turns(row, stream), place
        length = sequence_length(text, spans, words, self._frames(row, spans), self.layout) + self._closing(row)
        return DrawnRow(row, spans, length), behind

    def _fixed(self, row: int, frames: FixedSpans, words: list[Word]) -> DrawnRow:
        """Return a row with the spans that it always has."""
        id_ = self.source.ids[row]
        spans, most = frames.spans[id_], frames.most_frames(id_, words, self.layout)
        return DrawnRow(row, spans, sequence_length(self.source.texts[row], spans, words, most, self.layout))

    def _turns(self, row: int, stream: SpanStream) -> list[Span]:
        """Return the spans of a conversation, which depend on the stream's seed and not on the place in it."""
        assert self.source.words is not None
        text, words, random = self.source.texts[row], self.source.words[row], np.random.default_rng([*stream.seed, row])
        return draw_turns(text, words, self.spans, random, text_first=self.text_first, whole_turns=self.whole_turns)

    def _closing(self, row: int) -> int:
        return int(self.closed and self.source.texts[row].following is not None)

    @cached_property
    def _cuts(self) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
        """Where a row may be cut, and its pauses; kept for some rows, which are tried in several places."""

        @lru_cache(maxsize=KEPT)
        def cuts(row: int) -> tuple[np.ndarray, np.ndarray]:
            assert self.source.words is not None
            words = self.source.words[row]
            return may_cut(self.source.texts[row], words), pauses_before(words)

        return cuts

    def _frames(self, row: int, spans: list[Span]) -> int | dict[tuple[int, int], int]:
        """Return the frames of a recording, or a greater number if the times of its words say where a span ends.

        Where spans are encoded alone, return those of each speech span, or one more.
        """
        frames, words = self.source.frames, self.source.words
        assert words is not None and frames is not None
        if isinstance(frames, SpansAlone):
            return frames.most_frames(self.source.ids[row], spans, words[row], self.layout)
        return ANY_LENGTH if words[row][-1].end is not None else frames.length(self.source.ids[row])

    def example(self, drawn: DrawnRow) -> TrainingExample:
        """Build the sequence of a row."""
        source, row = self.source, drawn.row
        text, words = source.texts[row], source.words[row] if source.words is not None else []
        sequence = build_sequence(text, drawn.spans, words, self._frames_of(drawn, words), self.layout)
        if self.text_first is None:
            sequence = without_targets(sequence)  # so that the language model need not run
            if source.phonemes is not None:
                named = source.phonemes.named_in(row, drawn.spans, sequence.spans, words, self.layout)
                sequence = replace(sequence, spans=named)
        log_probs = None if source.log_probs is None else source.log_probs[row]
        return TrainingExample(
            sequence, text.token_ids, source.ids[row], source.name, source.replay, text.following, log_probs
        )

    def _frames_of(self, drawn: DrawnRow, words: list[Word]) -> Frames | None:
        frames, id_ = self.source.frames, self.source.ids[drawn.row]
        if isinstance(frames, StoredLayouts):
            return frames.frames(id_, self.source.texts[drawn.row], drawn.turn)
        return None if frames is None else frames.of_spans(id_, drawn.spans, words)

    def expected(self, *, joined: bool) -> ExpectedLengths:
        """Return how long each row's sequence is expected to be.

        Args:
            joined: whether the stream of spans goes on from row to row, as in a window.
        """
        if isinstance(self.source.frames, FixedSpans):
            stream, rows = self.stream([0]), range(len(self.source))
            exact = np.array([self.lay(row, stream)[0].length for row in rows], dtype=np.float64)
            return ExpectedLengths(exact, exact)
        stored = isinstance(self.source.frames, StoredLayouts)  # in the lexical steps and in windows too, as drawn
        text_first = self.source.frames.text_first if isinstance(self.source.frames, StoredLayouts) else self.text_first
        mean, heard = expected_lengths(
            self.source,
            self.layout,
            self.spans,
            text_first=text_first,
            whole_turns=self.whole_turns,
            joined=joined and not stored,
        )
        closing = np.array([self._closing(row) for row in range(len(mean))])
        return ExpectedLengths(mean + closing, heard + closing)
