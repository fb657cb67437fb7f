"""What every reader of a foreign source is asked for and gives, and how rows become a table."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.mapped_tables import hold_tables

AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
ROWS_AT_ONCE = 256  # whose recordings may stand in memory twice
SUFFIXES = frozenset(
    # What libsndfile reads, and what people have beside it: such a file is a row that says that it does not decode.
    [".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".sph", ".w64", ".rf64"]
    + [".m4a", ".aac", ".wma", ".amr", ".webm"]
)


@dataclass(frozen=True)
class Wanted:
    """What of a source is asked for.

    Attributes:
        names: as the user gave them, or ours.
        audio, text, words: whether they are read at all; `need_text`: whether every row must have one.
        limit: at most so many rows.
        beside: a folder for recordings that are too large for memory; None to hold them there all the same.
    """

    names: ColumnNames = OUR_NAMES
    audio: bool = True
    text: bool = True
    words: bool = True
    need_text: bool = False
    limit: int | None = None
    beside: Path | None = None


@dataclass(frozen=True)
class ForeignSamples:
    """A table with `id` and `audio` under our names; `names` says what it calls the text."""

    table: pa.Table
    names: ColumnNames = OUR_NAMES


def id_of_file(path: str) -> str:
    """A file's path without its suffix, as an id."""
    return os.path.splitext(path)[0].removeprefix("./").lstrip("/")  # pathlib takes ten times as long, for a million


def rows_to_table(rows: Iterable[dict], limit: int | None, beside: Path | None = None) -> pa.Table:
    """Rows of any keys as one table; `audio` is a path, or what `AUDIO` holds, and stands in `beside` if it is large.

    A column that has values of several kinds becomes one of strings, as JSON writes them.
    """
    columns: dict[str, list] = {}
    recordings = hold_tables(_recordings(islice(rows, limit), columns), beside)
    table = pa.table({name: _array(values) for name, values in columns.items()} or {"id": pa.array([], pa.string())})
    return table if recordings is None else table.append_column("audio", recordings.column("audio"))


def _recordings(rows: Iterator[dict], columns: dict[str, list]) -> Iterator[pa.Table]:
    """What is heard of the rows, where there is anything; all else goes to `columns`."""
    count = 0
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        heard = any("audio" in row for row in batch)
        audio = [_stored(row.pop("audio", None)) for row in batch]
        for name in {name: None for row in batch for name in row} | columns:
            values = columns.setdefault(name, [None] * count)
            values += [row.get(name) for row in batch]
        count += len(batch)
        if heard:
            yield pa.table({"audio": pa.array(audio, AUDIO)})


def _stored(audio: str | dict | None) -> dict | None:
    return {"bytes": None, "path": audio} if isinstance(audio, str) else audio


def _array(values: list) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([value if value is None or isinstance(value, str) else json.dumps(value) for value in values])
