"""What every reader of a foreign source returns, and how rows become a table."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from saladkit.formats.samples import AUDIO
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.mapped_tables import hold_tables
from saladkit.sources.stored_names import composed

ROWS_AT_ONCE = 256  # rows converted at once: their recordings may be in memory twice


@dataclass(frozen=True)
class ForeignSamples:
    """What a reader returns: a table, and the names of its columns id, text and audio."""

    table: pa.Table
    names: ColumnNames = OUR_NAMES


def id_of_file(path: str) -> str:
    """Return a file's path without its suffix, as an id: in NFC, so that ids of several sources meet."""
    return composed(os.path.splitext(path)[0]).removeprefix("./").lstrip("/")  # pathlib takes ten times as long


def rows_to_table(rows: Iterable[dict], limit: int | None, beside: Path | None = None) -> pa.Table:
    """Return rows of any keys as one table; a column with values of several types becomes one of JSON strings.

    Args:
        rows: `audio` is a path, or a dict as `AUDIO` holds it.
        beside: a folder for the temporary file that holds the audio if it is large; None to hold it in memory.
    """
    columns: dict[str, list] = {}
    recordings = hold_tables(_recordings(islice(rows, limit), columns), beside)
    table = pa.table({name: _array(values) for name, values in columns.items()} or {"id": pa.array([], pa.string())})
    return table if recordings is None else table.append_column("audio", recordings.column("audio"))


def _recordings(rows: Iterator[dict], columns: dict[str, list]) -> Iterator[pa.Table]:
    """Yield the audio of the rows, batch by batch; collect all other values in `columns`."""
    count = 0
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        has_audio = any("audio" in row for row in batch)
        audio = [_stored(row.pop("audio", None)) for row in batch]
        for name in {name: None for row in batch for name in row} | columns:
            values = columns.setdefault(name, [None] * count)
            values += [row.get(name) for row in batch]
        count += len(batch)
        if has_audio:
            yield pa.table({"audio": pa.array(audio, AUDIO)})


def _stored(audio: str | dict | None) -> dict | None:
    return {"bytes": None, "path": audio} if isinstance(audio, str) else audio


def _array(values: list) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([value if value is None or isinstance(value, str) else json.dumps(value) for value in values])
