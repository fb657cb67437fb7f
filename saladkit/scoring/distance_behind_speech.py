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
    since = before - np.where(last_speech >= 0, before[last_speech], 0)
    return np.where(last_speech >= 0, since + 1, 0)[sequence.positions]


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
        inside = np.flatnonzero(tokens[:, place])
        row = {"first": first, "last": last, "tokens": int(tokens[:, place].sum())}
        row["tokens_share"] = float(tokens[:, place].sum() / tokens.sum())
        for name, of_items in sums.items():
            total = of_items.sum()
            row[f"{name}_share"] = float(of_items[:, place].sum() / total) if total > 0 else None
            found = bootstrap_ratio(of_items[inside, place], tokens[inside, place]) if len(inside) else None
            row[name] = found and found.value
            row |= {f"{name}_low": found and found.low, f"{name}_high": found and found.high}
        rows.append(row)
    return rows
