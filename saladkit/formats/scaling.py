"""Scaling: misalignment M as a function of the amount of training D, and scores as functions of M and F.

`fit-scaling` reads gap tables, or `.jsonl` logs with one line per checkpoint: `name`, `positions` (D: all positions
trained on, text tokens and speech vectors, as the paper counts them), `misalignment` and, if known, `forgetting` (F),
`speech_score`, `text_score`, and the spans with which M was measured, `text_words` and `speech_words` (two numbers
each). It writes `scaling.json`:

- `points`: these figures of every checkpoint
- `spans`: the spans with which M was measured, in words; null if unknown. M measured with different spans is refused.
- `law`: the fit M = `floor` + `scale` * D^-`exponent`, with confidence intervals of the three, and whether the data
  determine an exponent at all. Intervals are from the items that gap tables share, or from the residuals of more than
  three checkpoints of logs.
- `speech_score` over log M, and `text_score` over F: linear fits with R2, and R2 with each checkpoint left out in turn
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.gap_table import SCHEMA as GAP_TABLE
from saladkit.formats.gap_table import VERSION as GAP_VERSION
from saladkit.formats.gap_table import measurement, read_gap_table, spans_of
from saladkit.formats.json_text import parse_json
from saladkit.formats.records import damaged

SCHEMA, VERSION = "scaling", 2  # 2: D counts all positions, not those of text alone
NEEDED = ("positions", "misalignment")
OPTIONAL = ("forgetting", "speech_score", "text_score")


@dataclass(frozen=True)
class Measured:
    """The figures of one checkpoint.

    Attributes:
        figures: NEEDED and OPTIONAL figures; None if unknown.
        digest: digest of the checkpoint; None in a log, like the next two.
        items: items of the gap table.
        spans: the spans with which M was measured, in words; None if unknown.
        measured_by: equal for gap tables that differ only in the checkpoint (`gap_table.measurement`).
    """

    name: str
    figures: dict[str, float | None]
    digest: str | None = None
    items: list[dict] | None = None
    measured_by: str | None = None
    spans: str | None = None


def read_log(source: str) -> list[Measured]:
    """Read the checkpoints of a gap table or of a `.jsonl` log.

    Raises:
        SaladError: the source is neither, a line lacks a needed number, or the amount of training of a gap table's
            checkpoint is unknown.
    """
    path = Path(source)
    if path.is_dir():
        return [_from_table(source)]
    try:
        rows = [parse_json(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise SaladError(f"{source} is no log: {error}", "Give gap tables, or files of JSON lines.") from error
    return [_from_line(source, number, row) for number, row in enumerate(rows, 1)]


def _from_table(source: str) -> Measured:
    manifest = Artefact.open(source, GAP_TABLE, GAP_VERSION).manifest
    items, groups = read_gap_table(source)
    of_all = [group for group in groups if group["kind"] == "all"]
    if len(of_all) != 1:
        raise damaged(Path(source) / "groups.parquet", f"it has {len(of_all)} rows of all items")
    (every,) = of_all
    trained_on = manifest["identity"].get("trained_on")
    if not trained_on:
        raise SaladError(
            f"{source} does not say how much its checkpoint was trained on",
            "Run `saladkit gap` on a checkpoint of `saladkit distill` or `align`, or give a log with `positions`.",
        )
    figures = dict.fromkeys(OPTIONAL) | {"positions": trained_on["positions_read"]}
    figures |= {metric: every[metric] for metric in ("misalignment", "forgetting")}
    digests = {role: entry["digest"] for role, entry in manifest["inputs"].items()}
    return Measured(
        Path(source).name, figures, digests["checkpoint"], items, measurement(manifest), spans_of(manifest["settings"])
    )


def _from_line(source: str, number: int, row: object) -> Measured:
    if not isinstance(row, dict):
        raise SaladError(
            f"{source}, line {number}: {row!r} names no figures",
            'Write lines as {"positions": 1e9, "misalignment": 0.1}.',
        )
    figures = {name: row.get(name) for name in (*NEEDED, *OPTIONAL)}
    for name, value in figures.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
            wrong = name in NEEDED and value <= 0
        else:
            wrong = True
        if wrong and (name in NEEDED or value is not None):
            raise SaladError(
                f"{source}, line {number}: {name} is {value!r}",
                "Give numbers; positions and misalignment must be above 0.",
            )
    for name in ("text_words", "speech_words"):
        lengths = row.get(name, [1, 1])
        if not (isinstance(lengths, list) and [type(length) for length in lengths] == [int, int]):
            raise SaladError(
                f"{source}, line {number}: {name} is {lengths!r}", "Give two whole numbers, or leave it out."
            )
    return Measured(str(row.get("name", f"line {number}")), figures, spans=spans_of(row))
