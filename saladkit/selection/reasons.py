"""The columns that say why a text was chosen (`formats/samples.py`)."""

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.gap_table import RegionGap
from saladkit.formats.samples import take_rows
from saladkit.selection.choosing import Choice
from saladkit.selection.known_pool import KnownPool


def with_reasons(table: pa.Table, choice: Choice, known: KnownPool, seconds: np.ndarray) -> pa.Table:
    """Take the chosen rows of a pool, and add columns with the reasons; they replace those of an earlier selection.

    Args:
        table: the pool, N rows.
        seconds: predicted length of each text's speech, [N].

    Raises:
        SaladError: the pool has a column of another origin with the name of an added column.
    """
    selected, why = take_rows(table, choice.rows), _reasons(choice, known, seconds)
    present = [column for column in why if column in selected.column_names]
    if present and len(present) < len(why):
        raise SaladError(
            f"{known.pool} has a column '{present[0]}', which select writes", "Give the column another name."
        )
    selected = selected.drop_columns(present)
    for column, values in why.items():
        selected = selected.append_column(column, values)
    return selected


def _reasons(choice: Choice, known: KnownPool, seconds: np.ndarray) -> dict[str, pa.Array]:
    rows, order = choice.rows, choice.order
    region = known.region[rows]
    of_region = [choice.gaps.get(number, RegionGap(None, None, None)) for number in region.tolist()]
    score = None if order.score is None else order.score[rows].astype(np.float64)
    return {
        "strategy": pa.array([choice.strategy] * len(rows), pa.string()),
        "region": pa.array(region, pa.int32()),
        "region_gap": pa.array([gap.mean for gap in of_region], pa.float64()),
        "region_gap_low": pa.array([gap.low for gap in of_region], pa.float64()),
        "region_gap_high": pa.array([gap.high for gap in of_region], pa.float64()),
        "region_probability": pa.array(known.sums_by_region(order.probabilities)[region], pa.float64()),
        "text_probability": pa.array(order.probabilities[rows], pa.float64()),
        "text_score": pa.nulls(len(rows), pa.float64()) if score is None else pa.array(score),
        "draw": pa.array(range(len(rows)), pa.int32()),
        "predicted_duration": pa.array(seconds[rows], pa.float64()),
    }
