"""What every reader of a foreign source is asked for and gives, and how rows become a table."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from saladkit.formats.columns import OUR_NAMES, ColumnNames

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
    """

    names: ColumnNames = OUR_NAMES
    audio: bool = True
    text: bool = True
    words: bool = True
    need_text: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class ForeignSamples:
    """A table with `id` and `audio` under our names; `names` says what it calls the text."""

    table: pa.Table
    names: ColumnNames = OUR_NAMES


def id_of_file(path: str) -> str:
    """A file's path without its suffix, as an id."""
    return os.path.splitext(path)[0].removeprefix("./").lstrip("/")  # pathlib takes ten times as long, for a million


def rows_to_table(rows: Iterable[dict], limit: int | None) -> pa.Table:
    """Rows of any keys as one table; `audio` is a path, or what `AUDIO` holds.

    A column that has values of several kinds becomes one of strings, as JSON writes them.
    """
    columns: dict[str, list] = {}
    recordings: list[pa.Array] = []
    rows, count = islice(rows, limit), 0
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        if any("audio" in row for row in batch):
            recordings.append(pa.array([_stored(row.pop("audio", None)) for row in batch], AUDIO))
        for name in {name: None for row in batch for name in row} | columns:
            values = columns.setdefault(name, [None] * count)
            values += [row.get(name) for row in batch]
        count += len(batch)
    table = pa.table({name: _array(values) for name, values in columns.items()} or {"id": pa.array([], pa.string())})
    return table.append_column("audio", pa.chunked_array(recordings, AUDIO)) if recordings else table


def _stored(audio: str | dict | None) -> dict | None:
    return {"bytes": None, "path": audio} if isinstance(audio, str) else audio


def _array(values: list) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([value if value is None or isinstance(value, str) else json.dumps(value) for value in values])
