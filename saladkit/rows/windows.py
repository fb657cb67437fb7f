"""Join the rows of one source to windows: as many as fit, in random order, the last ones of a window by best fit.

A source is read in passes, each in an order of its own. A pass is cut into blocks of about `BLOCK` windows, and each
block is composed alone, into a number of windows that is known before: window i is found without the windows before
it. The few rows of a block that fit none of its windows go unread in this pass.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from saladkit.rows.drawn_rows import DrawnRow, RowDrawing, StoredTurn
from saladkit.rows.interleaving import START, Place, SpanStream

BLOCK = 64  # windows
# Share of a block's expected positions that its windows leave over: lengths vary with the spans that are drawn, and the
# last windows need rows to choose from.
RESERVE = 0.02
TRIES = 6  # rows that are laid out in search of the one that fits best
NEAR_THE_END = 2.2  # of the longest row: the room from which on a fit is searched
CLOSED = 0.003  # of a window: room that may stay empty without a search for a better fit


class WindowStream:
    """All windows of a source, of at most `size` positions each; window i depends on the seed and i alone.

    No row may be longer than a window, whatever its spans (`rows/readers.py`).

    Attributes:
        size: positions of a window.
        positions: how many of them a window fills, by the mean of the first windows.
        rows: how many rows a window has, in the same way.
    """

    def __init__(self, drawing: RowDrawing, size: int, seed: list[int]):
        self.drawing, self.size, self.seed = drawing, size, seed
        self.lengths, self.heard = drawing.expected(joined=True)
        total = float(self.lengths.sum())
        self.blocks = max(1, int(total // (BLOCK * size)))
        self.per_block = max(1, int(total * (1 - RESERVE) / self.blocks // size))
        self._pass = lru_cache(maxsize=2)(self._draw_pass)
        self._block = lru_cache(maxsize=4)(self._compose_block)
        first = [self.window(number)[0] for number in range(BLOCK)]
        self.positions = sum(drawn.length for rows in first for drawn in rows) / BLOCK
        self.rows = sum(map(len, first)) / BLOCK

    def length(self, number: int) -> float:
        """Return the expected length of a window."""
        return self.positions

    def window(self, number: int) -> tuple[list[DrawnRow], int]:
        """Return the rows of a window, and how many rows of its block go unread; counted at the block's last window."""
        block, window = divmod(number, self.per_block)
        return self._block(block)[window]

    def _draw_pass(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of a pass in order, and where its blocks begin, int64 [blocks + 1]."""
        order = np.random.default_rng([*self.seed, 0, number]).permutation(len(self.lengths))
        ends = np.cumsum(self.lengths[order])
        wanted = np.arange(1, self.blocks) * (ends[-1] / self.blocks)
        return order, np.array([0, *np.searchsorted(ends, wanted), len(order)])

    def _compose_block(self, block: int) -> list[tuple[list[DrawnRow], int]]:
        number, place = divmod(block, self.blocks)
        order, begins = self._pass(number)
        left = order[begins[place] : begins[place + 1]]
        windows = []
        for window in range(self.per_block):
            stream = self.drawing.stream([*self.seed, 1, block, window], turn=number)
            spare = len(left) - (self.per_block - 1 - window)  # no window stays empty
            rows = Composition(self, left, stream).fill(spare)
            left = left[~np.isin(left, [drawn.row for drawn in rows])]
            windows.append((rows, 0))
        windows[-1] = (windows[-1][0], len(left))
        return windows


class RowsLeft(NamedTuple):
    """Rows that a window may still take.

    Attributes:
        rows: their numbers, int64 [n].
        expected: their expected lengths, float64 [n].
        words: their words, int64 [n].
        text, heard: their lengths as text alone, and if all is heard that may be, float64 [n].
    """

    rows: np.ndarray
    expected: np.ndarray
    words: np.ndarray
    text: np.ndarray
    heard: np.ndarray

    def without(self, index: int) -> "RowsLeft":
        """Return all rows but one."""
        return RowsLeft(*(np.delete(values, index) for values in self))


class Composition:
    """One window while it is filled from the rows that are left of a block."""

    def __init__(self, windows: WindowStream, left: np.ndarray, stream: SpanStream | StoredTurn | None):
        source = windows.drawing.source
        self.drawing, self.stream = windows.drawing, stream
        self.room, self.place, self.size = windows.size, START, windows.size
        text = source.tokens[left].astype(np.float64)
        self.left = RowsLeft(left, windows.lengths[left], source.word_counts[left], text, windows.heard[left])

    def fill(self, most: int) -> list[DrawnRow]:
        """Take rows until none of those left fits; at most `most`."""
        rows: list[DrawnRow] = []
        while len(rows) < most and (found := self._next()) is not None:
            index, drawn, self.place = found
            rows.append(drawn)
            self.room -= drawn.length
            self.left = self.left.without(index)
        return rows

    def _next(self) -> tuple[int, DrawnRow, Place] | None:
        """Return the row that follows: its index among those left, its layout and the place behind it.

        It is the next one in order, as long as another row may follow it; near the window's end it is the one that
        leaves the least room.
        """
        if not len(self.left.rows):
            return None
        longest = float(np.maximum(self.left.text, self.left.heard).max())
        if self.room > NEAR_THE_END * longest:
            return self._first_with(self.room)
        best = self._best_fit()
        if best is not None and self.room - best[1].length <= CLOSED * self.size:
            return best
        return self._first_with(self.room - float(np.quantile(self.left.expected, 0.2))) or best

    def _first_with(self, room: float) -> tuple[int, DrawnRow, Place] | None:
        for index in range(min(TRIES, len(self.left.rows))):
            drawn, place = self.drawing.lay(int(self.left.rows[index]), self.stream, self.place)
            if drawn.length <= room:
                return index, drawn, place
        return None

    def _best_fit(self) -> tuple[int, DrawnRow, Place] | None:
        """Return the row that fills the room best, of those whose lengths are estimated to."""
        near = self._estimates()
        order = np.argsort(np.abs(self.room - near) + (near > self.room) * self.size, kind="stable")
        best = None
        for index in order[:TRIES].tolist():
            drawn, place = self.drawing.lay(int(self.left.rows[index]), self.stream, self.place)
            if drawn.length <= self.room and (best is None or drawn.length > best[1].length):
                best = index, drawn, place
            if best is not None and self.room - best[1].length <= CLOSED * self.size:
                break
        return best

    def _estimates(self) -> np.ndarray:
        """Estimate the lengths that the rows left would have at this place, from the spans that come next."""
        if self.stream is None:
            return self.left.text
        if isinstance(self.stream, StoredTurn):
            return self.left.expected
        heard, span, done = [0], self.place.span, self.place.done
        most = int(self.left.words.max())
        while len(heard) <= most:
            is_speech, count = self.stream.is_speech(span), self.stream.words(span) - done
            heard += [heard[-1] + is_speech * (word + 1) for word in range(count)]
            span, done = span + 1, 0
        share = np.array(heard)[self.left.words] / self.left.words
        return self.left.text * (1 - share) + self.left.heard * share
