"""Common Voice: a table of tab-separated values for each split, and the recordings in `clips/` beside it."""

import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples, Wanted
from saladkit.sources.foreign.tables import files_of, read_delimited, with_recordings

CLIPS, SECONDS = "clips", "clip_durations.tsv"


def table_in(folder: Path) -> Path | None:
    """The table of a folder with `clips/`; None if it is no such folder.

    Raises:
        SaladError: it has several, one a split.
    """
    if not (folder / CLIPS).is_dir():
        return None
    tables = sorted(path for path in folder.glob("*.tsv") if path.name != SECONDS)
    if len(tables) > 1:
        raise SaladError(
            f"{folder} has several tables, which share rows: {', '.join(path.name for path in tables)}",
            f"Give one of them, {folder / 'validated.tsv'} say.",
        )
    return tables[0] if tables else None


def read_common_voice(path: Path, wanted: Wanted) -> ForeignSamples:
    """The rows of one table; `sentence` is the text and `client_id` the speaker.

    Raises:
        SaladError: a table that cannot be read or does not name its recordings.
    """
    if path.is_dir():
        path = table_in(path) or path
    names = wanted.names
    column = "path" if names.audio == "audio" else names.audio
    table = read_delimited(path, delimiter="\t", quoted=False)
    # The first releases leave the suffix out.
    files = [file if os.path.splitext(file)[1] else f"{file}.mp3" for file in files_of(table, column, path)]
    folder = path.parent / CLIPS if (path.parent / CLIPS).is_dir() else os.path.dirname(path)
    own_id = names.id in table.column_names or names.id != "id"
    table = with_recordings(table, column, [os.path.join(folder, file) for file in files], own_id=own_id)
    if "client_id" in table.column_names and "speaker" not in table.column_names:
        table = table.rename_columns(["speaker" if name == "client_id" else name for name in table.column_names])
    if (path.parent / SECONDS).is_file() and "duration" not in table.column_names:
        table = table.append_column("duration", _durations(path.parent / SECONDS, files))
    text = "sentence" if names.text == "text" else names.text
    return ForeignSamples(table, replace(names, text=text, audio="audio"))


def _durations(path: Path, files: list[str]) -> pa.Array:
    """Seconds of each file, from the table that gives milliseconds."""
    table = read_delimited(path, delimiter="\t", quoted=False)
    try:
        milliseconds = table.column("duration[ms]").cast(pa.float64()).to_pylist()
        known = dict(zip(table.column("clip").to_pylist(), milliseconds, strict=True))
    except (KeyError, pa.ArrowException) as error:
        raise SaladError(
            f"{path} is no table of clip and duration[ms]: {error}", "Remove it or put it right."
        ) from error
    found = [known.get(file) for file in files]
    return pa.array([None if value is None else value / 1000 for value in found], pa.float64())
