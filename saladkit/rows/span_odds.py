"""How likely it is that a word is heard, when spans of random length end only where a text may be cut."""

from typing import NamedTuple

import numpy as np

from saladkit.rows.hearable_runs import HearableRuns
from saladkit.settings.shared import Spans

CELLS = 1_000_000  # words and places of runs that are computed together
TEXT, SPEECH = 0, 1
TRIED, MOST_ROUNDS, SETTLED = 500, 100, 1e-3  # runs and rounds in search of a state that stays the same


class Odds(NamedTuple):
    """What is expected of R runs of W words in all.

    Attributes:
        heard: probability that a word is heard, float64 [W].
        spans: expected number of speech spans, [R].
        turns: how often speech follows text or the beginning of the run, and text follows speech or its end, [R].
        behind: the state behind a run, [2, longest span + 1]: of the runs, the mean.
    """

    heard: np.ndarray
    spans: np.ndarray
    turns: np.ndarray
    behind: np.ndarray


class SpanOdds:
    """The random process of `SpanStream`, but for pauses, which move a span's end to either side.

    A state is the probability that the span at hand is text or speech and has so many words left, [2, longest + 1].

    Args:
        lengths: fewest and most words of a text span and of a speech span.
        text_first: probability that the first span is text; None for speech spans alone.
    """

    def __init__(self, lengths: Spans, text_first: float | None):
        self.ranges = (lengths.text_words, lengths.speech_words)
        self.longest = max(high for _, high in self.ranges)
        self.follows = (SPEECH, SPEECH if text_first is None else TEXT)  # the kind behind text, and behind speech
        first = 0.0 if text_first is None else text_first
        self.begun = np.array([first, 1 - first])[:, None] * self._fresh()

    def _fresh(self) -> np.ndarray:
        """Return the probability of each length of a whole span of each kind, [2, longest + 1]."""
        fresh = np.zeros((2, self.longest + 1))
        for kind, (low, high) in enumerate(self.ranges):
            fresh[kind, low : high + 1] = 1 / (high - low + 1)
        return fresh

    def settled(self, runs: HearableRuns) -> np.ndarray:
        """Return the state before any row of a long stream of runs in random order."""
        # Where spans may end everywhere, a word is met with each kind in proportion to its mean length, and the span
        # has r words left in proportion to the spans of r or more words.
        left = self._fresh()[:, ::-1].cumsum(axis=1)[:, ::-1]
        left[:, 0] = 0
        if self.follows[SPEECH] == SPEECH:
            left[TEXT] = 0
        state = left / left.sum()
        some = np.zeros(len(runs.rows), dtype=bool)
        some[np.linspace(0, len(some) - 1, min(TRIED, len(some))).astype(int)] = True
        sample = runs.only(some)
        for _ in range(MOST_ROUNDS if some.any() else 0):
            before, state = state, self.over(sample, state).behind
            if np.abs(state - before).sum() < SETTLED:
                break
        return state

    def over(self, runs: HearableRuns, state: np.ndarray) -> Odds:
        """Return what is expected of runs that begin in a state."""
        counts, number = runs.counts, len(runs.rows)
        heard, spans, turns, behind = np.zeros(len(runs.cuts)), np.zeros(number), np.zeros(number), np.zeros_like(state)
        by_length = np.argsort(-counts, kind="stable")
        begin = 0
        while begin < number:
            size = max(1, CELLS // (int(counts[by_length[begin]]) + self.longest))
            some = by_length[begin : begin + size]
            of_some, spans[some], turns[some], left = self._walk(*_columns(runs, some), state)
            inside = np.arange(of_some.shape[0])[:, None] < counts[some]
            heard[(runs.begins[some] + np.arange(of_some.shape[0])[:, None])[inside]] = of_some[inside]
            behind += left
            begin += size
        return Odds(heard, spans, turns, behind / max(number, 1))

    def _walk(
        self, cuts: np.ndarray, counts: np.ndarray, state: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Go over R runs of up to W words, word by word.

        Args:
            cuts: bool [W, R].
            counts: words of each run, [R].

        Returns:
            The probabilities that a word is heard, [W, R]; spans and turns, [R]; the sum of the states behind the runs.
        """
        (words, runs), each = cuts.shape, np.arange(len(counts))
        ends = np.zeros((2, words + self.longest + 1, runs))  # P(a span of a kind is drawn to end before a word)
        ends[:, : self.longest + 1] += state[:, :, None]
        heard = np.full((words, runs), state[SPEECH].sum())
        spans, turns = heard[0].copy(), heard[0].copy()
        for word in range(1, words):
            inside = word < counts
            stops = np.where(cuts[word] & inside, ends[:, word], 0.0)
            ends[:, word + 1] += np.where(cuts[word] | ~inside, 0.0, ends[:, word])
            begun = self._begun(stops)
            heard[word] = heard[word - 1] + begun[SPEECH] - stops[SPEECH]
            spans += begun[SPEECH]
            turns += sum(stops[kind] for kind in (TEXT, SPEECH) if self.follows[kind] != kind)
            for kind, (low, high) in enumerate(self.ranges):
                ends[kind, word + low : word + high + 1] += begun[kind] / (high - low + 1)
        left = np.stack([ends[:, counts + more, each].sum(axis=1) for more in range(self.longest + 1)], axis=1)
        behind = left + self._begun(left[:, 0])[:, None] * self._fresh()
        behind[:, 0] = 0
        return heard, spans, turns + heard[counts - 1, each], behind

    def _begun(self, stops: np.ndarray) -> np.ndarray:
        """Return the probabilities that a span of each kind begins, given those that one of each kind ends."""
        begun = np.zeros_like(stops)
        for kind in (TEXT, SPEECH):
            begun[self.follows[kind]] += stops[kind]
        return begun


def _columns(runs: HearableRuns, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where spans may end in some runs, one run a column, bool [most words, R], and their words, [R]."""
    counts = runs.counts[some]
    cuts = np.zeros((int(counts.max()), len(some)), dtype=bool)
    places = np.arange(len(cuts))[:, None]
    inside = places < counts
    cuts[inside] = runs.cuts[(runs.begins[some] + places)[inside]]
    return cuts, counts
