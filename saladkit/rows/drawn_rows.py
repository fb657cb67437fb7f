"""Draw the spans of a source's rows, and count the positions that they fill."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from saladkit.rows.expected_lengths import all_heard, expected_lengths, heard_from_the_start, heard_on_average
from saladkit.rows.heard_turns import draw_turns, expected_of_turns
from saladkit.rows.interleaving import START, Place, Span, SpanStream, may_cut, pauses_before, whole_text
from saladkit.rows.sequences import (
    ANY_LENGTH,
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
    """A row with its spans, and the number of positions of the sequence that they make."""

    row: int
    spans: list[Span]
    length: int


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

    def stream(self, seed: list[int]) -> SpanStream | None:
        """Begin a stream of spans; None for a source of text only."""
        if self.source.frames is None:
            return None
        return SpanStream(self.spans, np.random.default_rng(seed), text_first=self.text_first, seed=seed)

    def lay(self, row: int, stream: SpanStream | None, place: Place = START) -> tuple[DrawnRow, Place]:
        """Return a row with the spans that it has at a place of the stream, and the place behind it."""
        text = self.source.texts[row]
        if stream is None or self.source.words is None:
            length = len(text.token_ids) + self._closing(row)
            return DrawnRow(row, whole_text(len(text.splittable) - 1), length), place
        words = self.source.words[row]
        if text.hearable is None:
            spans, behind = stream.over(*self._cuts(row), place)
        else:
            spans, behind = self._turns(row, stream), place
        length = sequence_length(text, spans, words, self._frames(row), self.layout) + self._closing(row)
        return DrawnRow(row, spans, length), behind

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

    def _frames(self, row: int) -> int:
        """Return the frames of a recording, or a greater number if the times of its words say where a span ends."""
        assert self.source.words is not None and self.source.frames is not None
        if self.source.words[row][-1].end is not None:
            return ANY_LENGTH
        return self.source.frames.length(self.source.ids[row])

    def example(self, drawn: DrawnRow) -> TrainingExample:
        """Build the sequence of a row."""
        source, row = self.source, drawn.row
        text, words, frames = source.texts[row], [], None
        if source.frames is not None and source.words is not None:
            words, frames = source.words[row], source.frames.row(source.ids[row])
        sequence = build_sequence(text, drawn.spans, words, frames, self.layout)
        if self.text_first is None:
            sequence = without_targets(sequence)  # so that the language model need not run
        return TrainingExample(sequence, text.token_ids, source.ids[row], source.name, source.replay, text.following)

    def expected(self, *, joined: bool) -> np.ndarray:
        """Return the expected length of each row, float64 [rows].

        Args:
            joined: whether the stream of spans goes on from row to row, as in a window.
        """
        most = int(self.source.word_counts.max(initial=1))
        if self.text_first is None:
            heard = all_heard(self.spans, most, joined=joined)
        elif joined:
            heard = heard_on_average(self.spans, most)
        else:
            heard = heard_from_the_start(self.spans, self.text_first, most)
        lengths = expected_lengths(self.source, self.layout, heard) + self.closed
        if self.source.frames is not None:
            for row, text in enumerate(self.source.texts):
                if text.hearable is not None:
                    lengths[row] = expected_of_turns(
                        text, self.source.seconds[row], heard.share, self.layout, self.whole_turns
                    )
        return lengths
