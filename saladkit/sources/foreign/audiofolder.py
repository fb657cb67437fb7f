"""Hugging Face's `audiofolder`: recordings, and `metadata` tables beside them whose `file_name` names them."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples
from saladkit.sources.foreign.tables import delimiter_of, files_of, header, read_delimited, with_recordings
from saladkit.sources.json_lines import first_object
from saladkit.sources.json_shape import check_shape
from saladkit.sources.place import Place
from saladkit.sources.wanted import Wanted

FILE = "file_name"
TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
T = TypeVar("T")


def is_audiofolder(place: Place) -> bool:
    """Whether a place is one of the tables, or a folder with one: directly in it, or below where it has no samples.

    Raises:
        SaladError: a file named like a table cannot be read.
    """
    audio = place.names.audio
    if not place.is_folder:
        return _names_recordings(place.path, audio)
    directly = [place.path / name for name in place.entries if name in TABLES and (place.path / name).is_file()]
    if any(_names_recordings(table, audio) for table in directly):
        return True
    return not place.sample_tables and bool(_tables_below(place))


def read_audiofolder(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read the rows of one table, or of all tables in a folder and below.

    Raises:
        SaladError: a table cannot be read, or a row names no file.
    """
    tables = _tables_below(place) if place.is_folder else [place.path]
    folder = place.path if place.is_folder else place.path.parent
    try:
        rows = pa.concat_tables([_read(table, folder, wanted) for table in tables], promote_options="permissive")
    except pa.ArrowException as error:
        raise SaladError(
            f"{place.path}: its tables have columns of different types: {error}", "Give the tables one by one."
        ) from error
    return ForeignSamples(rows, replace(wanted.names, audio="audio"))


def _tables_below(place: Place) -> list[Path]:
    found = (folder / name for folder, names in place.tree for name in names if name in TABLES)
    return sorted(path for path in found if _names_recordings(path, place.names.audio))


def _names_recordings(path: Path, audio_column: str) -> bool:
    """Whether a file is one of the tables, by its name and its columns."""
    if path.name not in TABLES:
        return False
    if path.suffix == ".csv":
        columns = header(path, delimiter_of(path, FILE))
    elif path.suffix == ".jsonl":
        columns = list(first_object(path) or {})
    else:
        columns = _readable(pq.read_schema, path).names
    return FILE in columns and (audio_column == FILE or audio_column not in columns)


def _read(path: Path, folder: Path, wanted: Wanted) -> pa.Table:
    if path.suffix == ".csv":
        table = read_delimited(path, delimiter=delimiter_of(path, FILE), quoted=True, guess=True)
    else:
        table = _readable(pq.read_table if path.suffix == ".parquet" else _json_table, path)
        _readable(lambda _: table.validate(full=True), path)  # a text may be no Unicode
    paths = [os.path.join(os.path.dirname(path), file) for file in files_of(table, FILE, path)]
    inside = path.parent.relative_to(folder).as_posix()
    own_id = wanted.names.id in table.column_names or wanted.names.id != "id"
    return with_recordings(table, FILE, paths, own_id=own_id, prefix="" if inside == "." else f"{inside}/")


def _json_table(path: Path) -> pa.Table:
    check_shape(path)
    return pa.json.read_json(path)


def _readable(read: Callable[[Path], T], path: Path) -> T:
    try:
        return read(path)
    except (pa.ArrowException, OSError) as error:
        raise SaladError(
            f"{path} cannot be read: {error}",
            f"Make {path.name} readable, or copy the file from the original data set.",
        ) from error
