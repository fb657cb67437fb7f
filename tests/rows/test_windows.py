"""Windows: rows of one source joined until nothing fits, against a composer that is slow and plain."""

import math

import numpy as np
import pytest

from saladkit.formats.words import Word
from saladkit.rows.drawn_rows import RowDrawing
from saladkit.rows.frame_sources import WholeRecordings
from saladkit.rows.interleaving import Place, may_cut, pauses_before
from saladkit.rows.sequences import SequenceLayout, build_sequence
from saladkit.rows.tokens import TokenizedText
from saladkit.rows.training_rows import TrainingSource
from saladkit.rows.windows import CLOSED, NEAR_THE_END, RESERVE, TRIES, WindowStream
from saladkit.settings.shared import Spans

LAYOUT = SequenceLayout(frames_per_second=100, frames_per_vector=8)
SPANS = Spans(text_words=(2, 9), speech_words=(1, 6))


class Silence:
    """Recordings of zeros; counts how often a recording's length is asked for."""

    def __init__(self, lengths):
        self.lengths, self.asked = lengths, 0

    def row(self, id_):
        return np.zeros((self.lengths[id_], 4), np.float16)

    def length(self, id_):
        self.asked += 1
        return self.lengths[id_]


def text_of(words, random, prefix):
    lengths = random.integers(1, 4, size=words)
    word_tokens = np.concatenate([[0], np.cumsum(lengths)]) + prefix
    splittable = random.random(words + 1) < 0.9
    splittable[0] = True
    return TokenizedText(random.integers(0, 99, word_tokens[-1]).astype(np.int32), word_tokens, splittable, prefix)


def words_of(count, random, timed):
    """Words of 0.3 s on average, with pauses; some without a time, the last one too if not `timed`."""
    times = np.cumsum(random.uniform(0.05, 0.3, size=2 * count))
    words = [Word("word", times[2 * i], times[2 * i + 1]) for i in range(count)]
    for place in np.flatnonzero(random.random(count) < 0.1):
        words[place] = Word("word", None, None)
    last = Word("word", times[-2], times[-1]) if timed else Word("word", times[-2], None)
    return [*words[:-1], last], int(times[-1] * 100) + 5


def spoken(rows, *, seed=0, words=(3, 40), prefix=0, timed=True):
    random = np.random.default_rng(seed)
    counts = random.integers(words[0], words[1] + 1, size=rows)
    made = [words_of(count, random, timed) for count in counts]
    ids = [f"row-{index}" for index in range(rows)]
    frames = WholeRecordings(Silence({id_: length for id_, (_, length) in zip(ids, made, strict=True)}))
    texts = [text_of(count, random, prefix) for count in counts]
    return TrainingSource("speech", 1.0, ids, texts, [words for words, _ in made], frames)


def read(rows, *, seed=0, words=(3, 80)):
    random = np.random.default_rng(seed)
    texts = [text_of(count, random, 0) for count in random.integers(words[0], words[1] + 1, size=rows)]
    return TrainingSource("text", 1.0, [f"row-{index}" for index in range(rows)], texts, replay=True)


def windows_of(source, size=256, *, text_first=0.5, layout=LAYOUT, seed=(5,)):
    return WindowStream(RowDrawing(source, layout, SPANS, text_first, 0.5), size, list(seed))


class SlowComposer:
    """What `WindowStream` does, with lists and loops, and with lengths of sequences that are really built."""

    def __init__(self, stream):
        self.stream, self.source, self.layout = stream, stream.drawing.source, stream.drawing.layout

    def block(self, number):
        which, place = divmod(number, self.stream.blocks)
        order = np.random.default_rng([*self.stream.seed, 0, which]).permutation(len(self.source)).tolist()
        share, begin, left = sum(self.stream.lengths) / self.stream.blocks, 0.0, []
        for row in order:
            begin += self.stream.lengths[row]
            if min(int(begin / share), self.stream.blocks - 1) == place:
                left.append(row)
        made = []
        for window in range(self.stream.per_block):
            spans = self.stream.drawing.stream([*self.stream.seed, 1, number, window])
            rows, room, at = [], self.stream.size, (0, 0)
            while len(left) > self.stream.per_block - 1 - window:
                found = self.next_row(left, spans, room, at)
                if found is None:
                    break
                row, drawn, length, at = found
                left.remove(row)
                rows.append((row, drawn, length))
                room -= length
            made.append(rows)
        return made, left

    def lay(self, row, spans, at):
        """Return the spans of a row, the length of the sequence that is built of them, and the place behind it."""
        text = self.source.texts[row]
        if spans is None:
            return None, len(text.token_ids), at
        words = self.source.words[row]
        drawn, behind = spans.over(may_cut(text, words), pauses_before(words), Place(*at))
        frames = self.source.frames.recordings.row(self.source.ids[row])
        return drawn, len(build_sequence(text, drawn, words, frames, self.layout)), behind

    def estimate(self, row, spans, at):
        text, count = self.source.texts[row], len(self.source.texts[row].splittable) - 1
        if spans is None:
            return len(text.token_ids)
        span, done, heard = at[0], at[1], 0
        for _ in range(count):
            heard += spans.is_speech(span)
            done += 1
            if done == spans.words(span):
                span, done = span + 1, 0
        vectors = self.vectors(row)
        return len(text.token_ids) * (1 - heard / count) + vectors * (heard / count)

    def vectors(self, row):
        """Return the vectors of a row that is heard whole; the last one is half full in the mean."""
        if self.source.words is None:
            return len(self.source.texts[row].token_ids)
        words = self.source.words[row]
        begin = 0 if words[0].start is None else math.floor(100 * words[0].start + 1e-6)
        end = words[-1].end
        end = self.source.frames.length(self.source.ids[row]) if end is None else math.ceil(100 * end - 1e-6)
        return self.source.texts[row].prefix + (end - begin) / 8 + 7 / 16 + 2 * self.layout.modality_tokens

    def next_row(self, left, spans, room, at):
        if not left:
            return None
        longest = max(max(len(self.source.texts[row].token_ids), self.vectors(row)) for row in left)
        if room > NEAR_THE_END * longest:
            return self.first(left, spans, room, at)
        guessed = {row: self.estimate(row, spans, at) for row in left}
        by_fit = sorted(left, key=lambda row: abs(room - guessed[row]) + (guessed[row] > room) * self.stream.size)
        best = None
        for row in by_fit[:TRIES]:
            drawn, length, behind = self.lay(row, spans, at)
            if length <= room and (best is None or length > best[2]):
                best = row, drawn, length, behind
            if best is not None and room - best[2] <= CLOSED * self.stream.size:
                return best
        short = float(np.quantile([self.stream.lengths[row] for row in left], 0.2))
        return self.first(left, spans, room - short, at) or best

    def first(self, left, spans, room, at):
        for row in left[:TRIES]:
            drawn, length, behind = self.lay(row, spans, at)
            if length <= room:
                return row, drawn, length, behind
        return None


@pytest.mark.parametrize("kind", ["spoken", "text", "with a prefix", "modality tokens", "speech alone", "no last time"])
def test_windows_are_those_of_a_slow_composer(kind):
    layout = SequenceLayout(100, 8, modality_tokens=kind == "modality tokens")
    more = {"prefix": int(kind == "with a prefix"), "timed": kind != "no last time"}
    source = read(500, words=(3, 30)) if kind == "text" else spoken(450, words=(3, 20), **more)
    stream = windows_of(source, 100, layout=layout, text_first=None if kind == "speech alone" else 0.5)
    assert stream.blocks > 1
    slow = SlowComposer(stream)
    for block in (0, stream.blocks):  # of the first and of the second pass
        expected, left = slow.block(block)
        for number, rows in enumerate(expected):
            drawn, unread = stream.window(block * stream.per_block + number)
            assert [(one.row, one.length) for one in drawn] == [(row, length) for row, _, length in rows]
            if kind != "text":
                assert [one.spans for one in drawn] == [spans for _, spans, _ in rows]
            assert unread == (len(left) if number == stream.per_block - 1 else 0)


@pytest.mark.parametrize("source", [spoken(2000), read(1500)], ids=["speech", "text"])
def test_windows_are_full_and_never_over_full(source):
    stream = windows_of(source, 512)
    count = stream.blocks * stream.per_block
    filled = [sum(len(stream.drawing.example(one).sequence) for one in stream.window(i)[0]) for i in range(count)]
    assert max(filled) <= 512
    assert np.mean(filled) >= 0.99 * 512
    assert stream.positions == pytest.approx(np.mean(filled), rel=0.01)


@pytest.mark.parametrize("source", [spoken(900), read(1500)], ids=["speech", "text"])
def test_a_pass_reads_no_row_twice_and_leaves_few_unread(source):
    stream = windows_of(source, 256)
    count = stream.blocks * stream.per_block
    for begin in (0, count):
        made = [stream.window(index) for index in range(begin, begin + count)]
        rows = [drawn.row for window, _ in made for drawn in window]
        assert len(set(rows)) == len(rows)
        assert len(rows) + sum(unread for _, unread in made) == len(source)
        assert len(rows) > (1 - 2 * RESERVE - 1 / stream.per_block) * len(source)


def test_any_window_is_found_without_those_before_it():
    first, again = windows_of(spoken(900)), windows_of(spoken(900))
    numbers = [70, 3, 2 * first.per_block, 0, first.blocks * first.per_block + 1, 71, 2]
    shuffled = {number: again.window(number) for number in numbers}
    assert all(first.window(number) == shuffled[number] for number in sorted(numbers))
    other = windows_of(spoken(900), seed=(6,))
    assert any(other.window(number) != shuffled[number] for number in numbers)


def test_spans_go_on_from_row_to_row():
    """A span that a row's end cuts is two spans of one kind, together as long as it was drawn."""
    stream = windows_of(spoken(900, words=(3, 12)), 1024)
    cut = 0
    for number in range(20):
        rows, _ = stream.window(number)
        spans = [(span.is_speech, span.end - span.begin, index) for index, one in enumerate(rows) for span in one.spans]
        joined = []
        for is_speech, words, index in spans:
            if joined and joined[-1][0] == is_speech:
                cut += 1
                assert index > joined[-1][2]  # two spans of one kind meet at a row's end only
                joined[-1] = (is_speech, joined[-1][1] + words, index)
            else:
                joined.append((is_speech, words, index))
        for is_speech, words, _ in joined[:-1]:
            low, high = SPANS.speech_words if is_speech else SPANS.text_words
            assert low <= words <= high + 6  # longer where no cut was allowed
    assert cut > 50


@pytest.mark.parametrize("text_first", [0.0, 1.0])
def test_text_first_decides_how_a_window_begins(text_first):
    stream = windows_of(spoken(900), text_first=text_first)
    windows = [stream.window(number)[0] for number in range(20)]
    assert {window[0].spans[0].is_speech for window in windows} == {text_first == 0.0}
    assert {one.spans[0].is_speech for window in windows for one in window[1:]} == {True, False}


@pytest.mark.parametrize("source", [spoken(1), spoken(4, words=(3, 9)), read(3, words=(3, 9))], ids=["1", "4", "text"])
def test_a_source_smaller_than_a_window_is_read_whole_by_each_window(source):
    stream = windows_of(source, 2048)
    assert (stream.blocks, stream.per_block) == (1, 1)
    for number in range(6):
        rows, unread = stream.window(number)
        assert sorted(one.row for one in rows) == list(range(len(source)))
        assert unread == 0
    assert stream.positions < 512


def test_lengths_are_asked_for_only_where_no_time_says_where_a_recording_ends():
    for timed in (True, False):
        source = spoken(60, timed=timed)
        stream = windows_of(source)
        stream.window(0)
        assert (source.frames.recordings.asked > 0) == (not timed)


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("text_first", [0.0, 0.5, None])
@pytest.mark.parametrize("layout", [LAYOUT, SequenceLayout(12.5, 1), SequenceLayout(100, 8, modality_tokens=True)])
def test_rows_are_about_as_long_as_expected(layout, text_first, joined):
    source = spoken(300, prefix=1)
    drawing = RowDrawing(source, layout, SPANS, text_first, 0.5)
    expected = drawing.expected(joined=joined).mean.sum()
    found, draws = 0, 6
    for draw in range(draws):
        stream, at = drawing.stream([draw]), (0, 0)
        for row in range(300):
            if not joined:
                stream, at = drawing.stream([draw, row]), (0, 0)
            drawn, at = drawing.lay(row, stream, Place(*at))
            found += drawn.length
    assert found / draws == pytest.approx(expected, rel=0.03)
