"""The words of a source that may be heard, in runs: one in a row of speech, one for each user's turn of a conversation.

Frames are counted as `sequences.cut_speech` cuts them. A span at either end of a text whose first or last word has no
time reaches to that end of the recording, and words without a time inside belong to the span around them.
"""

from dataclasses import dataclass

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.heard_turns import hearable_stretches
from saladkit.rows.interleaving import may_cut
from saladkit.rows.sequences import SequenceLayout, end_of_span
from saladkit.rows.training_rows import TrainingSource


@dataclass(frozen=True)
class HearableRuns:
    """R runs of W words in all.

    Attributes:
        rows: row of each run, int64 [R].
        begins: where the words of each run begin in the arrays below, int64 [R + 1].
        cuts: whether a span may end before a word, bool [W]; true for the first word of a run.
        frames: front-end frames from the place before a word to the place behind it, int64 [W]. Of words between which
            no span may end, only the sum means something.
        tokens: tokens of a word, int64 [W].
    """

    rows: np.ndarray
    begins: np.ndarray
    cuts: np.ndarray
    frames: np.ndarray
    tokens: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Number of words of each run, int64 [R]."""
        return np.diff(self.begins)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over the words of each run, [R], of one value for each word, [W]."""
        return np.diff(np.concatenate([[0], np.cumsum(values)])[self.begins])

    def only(self, chosen: np.ndarray) -> "HearableRuns":
        """Return the chosen runs, bool [R]."""
        words = np.repeat(chosen, self.counts)
        begins = np.concatenate([[0], np.cumsum(self.counts[chosen])])
        return HearableRuns(self.rows[chosen], begins, self.cuts[words], self.frames[words], self.tokens[words])


def runs_of(source: TrainingSource, layout: SequenceLayout) -> HearableRuns:
    """Return the runs of a source; none of text only.

    Recordings are asked for their length only where no time says where they end.
    """
    rows, begins = list[int](), [0]
    cuts, frames, tokens = ([np.zeros(0, dtype=kind)] for kind in (bool, np.int64, np.int64))
    for row, words in enumerate(source.words or []):
        text = source.texts[row]
        allowed, of_word = may_cut(text, words), np.diff(text.word_tokens)
        for begin, end in hearable_stretches(text, allowed):
            last = end_of_span(end, words, layout)
            if last is None and source.frames is not None:
                last = source.frames.length(source.ids[row])
            rows.append(row)
            begins.append(begins[-1] + end - begin)
            cuts.append(allowed[begin:end])
            frames.append(_frames(words[begin:end], allowed[begin:end], last or 0, layout))
            tokens.append(of_word[begin:end])
    joined = [np.concatenate(values) for values in (cuts, frames, tokens)]
    return HearableRuns(np.array(rows, dtype=np.int64), np.array(begins), *joined)


def _frames(words: list[Word], allowed: np.ndarray, last: int, layout: SequenceLayout) -> np.ndarray:
    """Return the frames of the words of a run that ends before frame `last`, int64 [words]."""
    places = [
        layout.frame(word.start) if ok and word.start is not None else 0
        for word, ok in zip(words, allowed.tolist(), strict=True)
    ]
    return np.diff(np.maximum.accumulate([*places, last]))
