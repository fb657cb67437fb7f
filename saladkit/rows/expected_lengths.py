"""Predict how many positions a row fills before its spans are drawn."""

from typing import NamedTuple

import numpy as np

from saladkit.rows.hearable_runs import HearableRuns, runs_of
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.span_odds import Odds, SpanOdds
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.shared import Spans


class ExpectedLengths(NamedTuple):
    """Numbers of positions of each row of a source, float64 [rows].

    Attributes:
        mean: expected length of the row's sequence.
        heard: length of the sequence in which everything is heard that may be, in one span.
    """

    mean: np.ndarray
    heard: np.ndarray


def expected_lengths(
    source: TrainingSource,
    layout: SequenceLayout,
    spans: Spans,
    *,
    text_first: float | None,
    whole_turns: float,
    joined: bool,
) -> ExpectedLengths:
    """Return what is expected of each row: exact for text, and about right for speech (pauses are not looked at).

    Args:
        text_first: probability that the first span is text; None for speech spans alone.
        whole_turns: probability that a user's turn in a conversation is heard whole.
        joined: whether spans go on from row to row, as in a window.
    """
    tokens = source.tokens.astype(np.float64)
    runs, odds = runs_of(source, layout), SpanOdds(spans, text_first)
    is_turn = np.array([text.hearable is not None for text in source.texts])[runs.rows]
    rows, turns = runs.only(~is_turn), runs.only(is_turn)
    expected = [(rows, odds.over(rows, odds.settled(rows) if joined else odds.begun))]
    if len(turns.rows):
        expected.append(
            (turns, _some_whole(odds.over(turns, odds.begun), whole_turns if text_first is not None else 0))
        )
    mean, heard = tokens.copy(), tokens.copy()
    for of_kind, found in expected:
        np.add.at(mean, of_kind.rows, _added(of_kind, found, layout))
        np.add.at(heard, of_kind.rows, _added(of_kind, _all_whole(found), layout))
    return ExpectedLengths(mean, heard)


def _added(runs: HearableRuns, odds: Odds, layout: SequenceLayout) -> np.ndarray:
    """Return how many positions each run has more than it has tokens, float64 [R]."""
    vectors = runs.sums(odds.heard * runs.frames) / layout.frames_per_vector
    filled_up = odds.spans * (layout.frames_per_vector - 1) / (2 * layout.frames_per_vector)  # the last of each span
    return vectors + filled_up - runs.sums(odds.heard * runs.tokens) + layout.modality_tokens * odds.turns


def _all_whole(odds: Odds) -> Odds:
    """Return the odds if each run is one span of speech."""
    return odds._replace(
        heard=np.ones_like(odds.heard), spans=np.ones_like(odds.spans), turns=np.full_like(odds.turns, 2)
    )


def _some_whole(odds: Odds, share: float) -> Odds:
    """Return the odds if a share of the runs are one span of speech."""
    whole = _all_whole(odds)
    mixed = {
        name: share * getattr(whole, name) + (1 - share) * getattr(odds, name) for name in ("heard", "spans", "turns")
    }
    return odds._replace(**mixed)
