"""What `synth` says of all that it has spoken."""

from collections import Counter

import numpy as np
import pyarrow as pa


def against_prediction(made: pa.Table) -> dict[str, float]:
    """How much longer than `select` predicted all of it is, and by how much a row differs on average; both relative."""
    if "predicted_duration" not in made.column_names:
        return {}
    column = made.column("predicted_duration")
    if not pa.types.is_floating(column.type):  # somebody else's
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


def understood(made: pa.Table) -> dict[str, float]:
    """The mean character error rate of the rows that a recognizer has heard."""
    if "cer" not in made.column_names:
        return {}
    known = [rate for rate in made.column("cer").to_pylist() if rate is not None]
    return {"cer": round(float(np.mean(known)), 4)} if known else {}


def left_out_by(left_out: list[dict]) -> dict[str, int]:
    """How many rows each check of the gate has refused, the engine has failed on, and had nothing to speak."""
    causes = ("failed" if row.get("failed") else row.get("check", "unspeakable") for row in left_out)
    return dict(sorted(Counter(causes).items()))


def left_out_by_region(asked: pa.Table, left_out: list[dict]) -> dict[str, dict[str, int]]:
    """Of how many rows of a region how many were left out, where any were; nothing of rows without regions."""
    if "region" not in asked.column_names or not left_out:
        return {}
    if not pa.types.is_integer(asked.column("region").type):  # somebody else's
        return {}
    regions = dict(zip(asked.column("id").to_pylist(), asked.column("region").to_pylist(), strict=True))
    rows = Counter(regions.values())
    refused = Counter(regions[row["id"]] for row in left_out if regions[row["id"]] is not None)
    found = {str(region): {"rows": rows[region], "left_out": count} for region, count in sorted(refused.items())}
    return {"left_out_by_region": found}
