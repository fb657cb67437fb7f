"""Common Voice: a table of tab-separated values for each split, and the recordings in `clips/` beside it."""

import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples
from saladkit.sources.foreign.tables import files_of, read_delimited, with_recordings
from saladkit.sources.place import Place
from saladkit.sources.wanted import Wanted

CLIPS, DURATIONS = "clips", "clip_durations.tsv"


def is_common_voice(place: Place) -> bool:
    """Whether a place is a table, or a folder with tables and `clips/`."""
    if not place.is_folder:
        return place.path.suffix == ".tsv"
    return not place.sample_tables and CLIPS in place.entries and bool(_tables(place))


def read_common_voice(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read the rows of one table; `sentence` is the text and `client_id` the speaker.

    Raises:
        SaladError: a folder with several tables, or a table that cannot be read or does not name its recordings.
    """
    path = _only_table(place) if place.is_folder else place.path
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
    if (path.parent / DURATIONS).is_file() and "duration" not in table.column_names:
        table = table.append_column("duration", _durations(path.parent / DURATIONS, files))
    text = "sentence" if names.text == "text" else names.text
    return ForeignSamples(table, replace(names, text=text, audio="audio"))


def _tables(place: Place) -> list[Path]:
    return [path for path in place.matching("*.tsv") if path.name != DURATIONS]


def _only_table(place: Place) -> Path:
    tables = _tables(place)
    if len(tables) > 1:
        raise SaladError(
            f"{place.path} has several tables, which share rows: {', '.join(path.name for path in tables)}",
            f"Give one of them, such as {place.path / 'validated.tsv'}.",
        )
    return tables[0]


def _durations(path: Path, files: list[str]) -> pa.Array:
    """Return the seconds of each file, from the table that gives milliseconds; null where it lacks the file."""
    table = read_delimited(path, delimiter="\t", quoted=False)
    try:
        milliseconds = table.column("duration[ms]").cast(pa.float64()).to_pylist()
        known = dict(zip(table.column("clip").to_pylist(), milliseconds, strict=True))
    except (KeyError, pa.ArrowException) as error:
        raise SaladError(
            f"{path} is not a table of the columns clip and duration[ms]: {error}",
            f"Copy {DURATIONS} from the original release, or remove the file: the audio then tells the durations.",
        ) from error
    found = [known.get(file) for file in files]
    return pa.array([None if value is None else value / 1000 for value in found], pa.float64())
