"""Hugging Face's `audiofolder`: recordings, and `metadata` tables beside them whose `file_name` names them."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.folders import walk_folders
from saladkit.sources.foreign.json_lines import first_object
from saladkit.sources.foreign.rows import ForeignSamples, Wanted
from saladkit.sources.foreign.tables import files_of, header, read_delimited, with_recordings

FILE = "file_name"
TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def is_audiofolder_table(path: Path, audio_column: str) -> bool:
    """Whether a file is one of the tables, by its name and by its columns.

    Raises:
        SaladError: it cannot be read.
    """
    if path.name not in TABLES:
        return False
    if path.suffix == ".csv":
        columns = header(path, ",")
    elif path.suffix == ".jsonl":
        columns = list(first_object(path) or {})
    else:
        columns = _table(pq.read_schema, path).names
    return FILE in columns and (audio_column == FILE or audio_column not in columns)


def tables_in(folder: Path, audio_column: str, *, deep: bool) -> list[Path]:
    """The tables of a folder, `deep` also those of the folders in it, in the order of their paths."""
    places = walk_folders(folder) if deep else [(folder, [name for name in TABLES if (folder / name).is_file()])]
    found = (place / name for place, names in places for name in names if name in TABLES)
    return sorted(path for path in found if is_audiofolder_table(path, audio_column))


def read_audiofolder(path: Path, wanted: Wanted) -> ForeignSamples:
    """The rows of one table, or of all in a folder and in the folders in it.

    Raises:
        SaladError: a table that cannot be read, or a row without a file.
    """
    tables = [path] if path.is_file() else tables_in(path, wanted.names.audio, deep=True)
    folder = path.parent if path.is_file() else path
    try:
        rows = pa.concat_tables([_read(table, folder, wanted) for table in tables], promote_options="permissive")
    except pa.ArrowException as error:
        raise SaladError(f"{path}: its tables do not go together: {error}", "Give them one by one.") from error
    return ForeignSamples(rows, replace(wanted.names, audio="audio"))


def _read(path: Path, folder: Path, wanted: Wanted) -> pa.Table:
    if path.suffix == ".csv":
        table = read_delimited(path, delimiter=",", quoted=True)
    else:
        table = _table(pq.read_table if path.suffix == ".parquet" else pa.json.read_json, path)
    paths = [os.path.join(os.path.dirname(path), file) for file in files_of(table, FILE, path)]
    inside = path.parent.relative_to(folder).as_posix()
    own_id = wanted.names.id in table.column_names or wanted.names.id != "id"
    return with_recordings(table, FILE, paths, own_id=own_id, prefix="" if inside == "." else f"{inside}/")


def _table(read: Callable[[Path], pa.Table | pa.Schema], path: Path) -> pa.Table | pa.Schema:
    try:
        return read(path)
    except (pa.ArrowException, OSError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Give a table that is whole.") from error
