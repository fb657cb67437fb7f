"""Scaling: what a checkpoint's misalignment is after so much training, and what follows from it.

Read from gap tables, or from `.jsonl` logs with one line a checkpoint: `name`, `positions` (D: text positions trained
on), `misalignment`, and where known `forgetting`, `speech_score`, `text_score`. Written as `scaling.json`: the same of
every checkpoint as `points`; `law`, M = `floor` + `scale` * D^-`exponent`, each with an interval over the items that
gap tables share, or over the residuals of more than three checkpoints of logs, and whether there is an exponent at all;
`speech_score` over log M and `text_score` over F, each with R2 and that of each checkpoint left out once.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.gap_table import SCHEMA as GAP_TABLE
from saladkit.formats.gap_table import VERSION as GAP_VERSION
from saladkit.formats.gap_table import measurement, read_gap_table

SCHEMA, VERSION = "scaling", 1
NEEDED = ("positions", "misalignment")
OPTIONAL = ("forgetting", "speech_score", "text_score")


@dataclass(frozen=True)
class Measured:
    """One checkpoint. `items` are its gap table's, None where it stands in a log.

    `measured_by` is the same for gap tables that differ in nothing but the model.
    """

    name: str
    figures: dict[str, float | None]
    digest: str | None = None
    items: list[dict] | None = None
    measured_by: str | None = None


def read_log(source: str) -> list[Measured]:
    """The checkpoints of a gap table or of a `.jsonl` log.

    Raises:
        SaladError: neither; a line without a number that is needed; a gap table of a model of unknown training.
    """
    path = Path(source)
    if path.is_dir():
        return [_from_table(source)]
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise SaladError(f"{source} is no log: {error}", "Give gap tables, or JSON lines.") from error
    return [_from_line(source, number, row) for number, row in enumerate(rows, 1)]


def _from_table(source: str) -> Measured:
    manifest = Artefact.open(source, GAP_TABLE, GAP_VERSION).manifest
    items, groups = read_gap_table(source)
    (every,) = (group for group in groups if group["kind"] == "all")
    positions = manifest["identity"].get("trained_positions")
    if not positions:
        raise SaladError(
            f"{source} does not know how much its checkpoint was trained on",
            "Measure a checkpoint of `saladkit distill` or `align`, or give a log with `positions`.",
        )
    figures = dict.fromkeys(OPTIONAL) | {"positions": positions}
    figures |= {metric: every[metric] for metric in ("misalignment", "forgetting")}
    digests = {role: entry["digest"] for role, entry in manifest["inputs"].items()}
    return Measured(Path(source).name, figures, digests["checkpoint"], items, measurement(manifest))


def _from_line(source: str, number: int, row: dict) -> Measured:
    figures = {name: row.get(name) for name in (*NEEDED, *OPTIONAL)}
    for name, value in figures.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
            wrong = name in NEEDED and value <= 0
        else:
            wrong = True
        if wrong and (name in NEEDED or value is not None):
            raise SaladError(
                f"{source}, line {number}: {name} is {value!r}", "Give numbers; positions and misalignment above 0."
            )
    return Measured(str(row.get("name", f"line {number}")), figures)
