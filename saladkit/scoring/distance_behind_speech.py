"""The gap by the number of text tokens since the last speech span: most of it lies in the first two tokens."""

import numpy as np

from saladkit.formats.gap_table import BY_DISTANCE, DISTANCES
from saladkit.rows.sequences import Sequence
from saladkit.scoring.statistics import bootstrap_ratio


def tokens_since_speech(sequence: Sequence) -> np.ndarray:
    """Return which text token since the last speech span each target is, int64 [P]: 1 for the first, 0 without speech.

    Modality tokens are no text tokens.
    """
    is_text = ~sequence.speech_mask & (sequence.input_ids >= 0)
    places = np.arange(len(sequence))
    last_speech = np.maximum.accumulate(np.where(sequence.speech_mask, places, -1))
    before = np.cumsum(is_text)  # text tokens up to and with each place
    since = before - before[last_speech] + 1  # of no use where nothing has been heard
    return np.where(last_speech >= 0, since, 0)[sequence.positions]


def sums_by_distance(distance: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum the values of tokens over each of `DISTANCES`, float64 [6].

    Args:
        distance: as `tokens_since_speech` returns, [P].
        values: [P].
    """
    return np.array(
        [
            values[(distance >= first) & (distance <= (last or np.inf))].sum(dtype=np.float64)
            for first, last in DISTANCES
        ]
    )


def distance_rows(items: list[dict]) -> list[dict]:
    """Return the rows of `formats.gap_table.BEHIND`: means, shares and intervals over items, by distance."""
    tokens = np.array([item["tokens_behind"] for item in items], dtype=np.float64)
    sums = {name: np.array([item[f"{name}_behind"] for item in items]) for name in BY_DISTANCE}
    rows = []
    for place, (first, last) in enumerate(DISTANCES):
        here = tokens[:, place]
        row: dict[str, float | None] = {"first": first, "last": last, "tokens": int(here.sum())}
        row["tokens_share"] = float(here.sum() / tokens.sum())
        for name, of_items in sums.items():
            row |= _figures(name, of_items[:, place], here, float(of_items.sum()))
        rows.append(row)
    return rows


def _figures(name: str, nats: np.ndarray, tokens: np.ndarray, total: float) -> dict[str, float | None]:
    """Return the columns of one metric at one distance, given the nats and tokens there of each item."""
    share = float(nats.sum() / total) if total > 0 else None
    inside = np.flatnonzero(tokens)
    if not len(inside):
        return {name: None, f"{name}_low": None, f"{name}_high": None, f"{name}_share": share}
    found = bootstrap_ratio(nats[inside], tokens[inside])
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high, f"{name}_share": share}
