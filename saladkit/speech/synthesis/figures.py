"""Compute the figures of `synth`'s summary over all rows that were spoken or left out."""

from collections import Counter

import numpy as np
import pyarrow as pa

from saladkit.settings.synth import SynthSettings
from saladkit.speech.synthesis.requests import request_of_row

# columns of the spoken rows that the figures read; some rows lack some
COLUMNS = ("id", "duration", "words_source", "predicted_duration", "cer")


def figures(asked: pa.Table, made: pa.Table, left_out: list[dict], settings: SynthSettings) -> dict:
    """Return how much was spoken, by which voices, how it compares with the prediction, and what was left out.

    Args:
        asked: all rows to speak, with `id` and, after `select`, `region`.
        made: the columns `COLUMNS` of the rows that were spoken.
        left_out: the rows without speech, as `row.speak` returns them.
    """
    sources = Counter(source or "none" for source in made.column("words_source").to_pylist())
    ids = made.column("id").to_pylist()
    voices = Counter(request_of_row(id_, "", settings.voices, settings.seed).voice for id_ in ids)
    return {
        "rows": made.num_rows,
        "skipped": len(left_out),
        "left_out_by": _left_out_by(left_out),
        "hours_of_speech": round(seconds_of_speech(made) / 3600, 4),
        **_against_prediction(made),
        **_mean_error_rate(made),
        **_left_out_by_region(asked, left_out),
        "rows_by_voice": dict(sorted(voices.items())),
        "rows_by_words_source": dict(sorted(sources.items())),
    }


def seconds_of_speech(made: pa.Table) -> float:
    """Return the length of all recordings together, in s."""
    return sum(made.column("duration").to_pylist())


def _left_out_by(left_out: list[dict]) -> dict[str, int]:
    """Count the rows without speech by cause: a check of the gate, "failed" (the engine), or "unspeakable"."""
    causes = ("failed" if row.get("failed") else row.get("check", "unspeakable") for row in left_out)
    return dict(sorted(Counter(causes).items()))


def _against_prediction(made: pa.Table) -> dict[str, float]:
    """Return the relative differences from the durations that `select` predicted: in total, and the mean over rows."""
    if "predicted_duration" not in made.column_names:
        return {}
    column = made.column("predicted_duration")
    if not pa.types.is_floating(column.type):  # a column of the same name that select did not write
        return {}
    predicted, spoken = column.to_numpy(), made.column("duration").to_numpy()
    known = np.isfinite(predicted) & (predicted > 0)
    if not known.any():
        return {}
    predicted, spoken = predicted[known], spoken[known]
    return {
        "longer_than_predicted": round(float(spoken.sum() / predicted.sum() - 1), 4),
        "row_differs_from_predicted": round(float(np.mean(np.abs(spoken - predicted) / predicted)), 4),
    }


def _mean_error_rate(made: pa.Table) -> dict[str, float]:
    """Return the mean character error rate of the rows that a recognizer transcribed."""
    if "cer" not in made.column_names:
        return {}
    known = [rate for rate in made.column("cer").to_pylist() if rate is not None]
    return {"cer": round(float(np.mean(known)), 4)} if known else {}


def _left_out_by_region(asked: pa.Table, left_out: list[dict]) -> dict[str, dict[str, dict[str, int]]]:
    """Count the rows to speak and the rows left out in each region that lost rows; {} if the rows have no regions."""
    if "region" not in asked.column_names or not left_out:
        return {}
    if not pa.types.is_integer(asked.column("region").type):  # a column that select did not write
        return {}
    regions = dict(zip(asked.column("id").to_pylist(), asked.column("region").to_pylist(), strict=True))
    rows = Counter(regions.values())
    refused = Counter(regions[row["id"]] for row in left_out if regions[row["id"]] is not None)
    found = {str(region): {"rows": rows[region], "left_out": count} for region, count in sorted(refused.items())}
    return {"left_out_by_region": found}
