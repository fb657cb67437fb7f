"""Common Voice: a table of tab-separated values for each split, and the recordings in a folder beside it.

Scripted speech has `clips/`, `path` and `sentence`; Spontaneous Speech has `audios/`, `audio_file` and `transcription`.
"""

import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.sources.columns import ColumnNames
from saladkit.sources.foreign.rows import ForeignSamples
from saladkit.sources.foreign.tables import files_of, header, read_delimited, with_recordings
from saladkit.sources.place import Place
from saladkit.sources.transcripts import say_left_out
from saladkit.sources.wanted import Wanted

FOLDERS, DURATIONS = ("clips", "audios"), "clip_durations.tsv"
SPONTANEOUS = {"path": "audio_file", "sentence": "transcription"}


def is_common_voice(place: Place) -> bool:
    """Whether a place is a table, or a folder with tables and the folder of their recordings."""
    if not place.is_folder:
        return place.path.suffix == ".tsv"
    return not place.sample_tables and not {*FOLDERS}.isdisjoint(place.entries) and bool(_tables(place))


def read_common_voice(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read the rows of one table; `sentence` or `transcription` is the text and `client_id` the speaker.

    Recordings that nobody has transcribed yet, of which Spontaneous Speech has many, are left out where texts are read.

    Raises:
        SaladError: a folder with several tables, or a table that cannot be read or does not name its recordings.
    """
    path = _only_table(place) if place.is_folder else place.path
    table = read_delimited(path, delimiter="\t", quoted=False)
    names = _named(wanted, table.column_names)
    own_id = names.id in table.column_names or names.id != "id"
    if names.text in table.column_names and wanted.reads("text"):
        table = _with_texts(table, names, path) if names.text == SPONTANEOUS["sentence"] else table
        texts = pa.array([text and _unquoted(text) for text in table.column(names.text).to_pylist()], pa.string())
        table = table.set_column(table.column_names.index(names.text), names.text, texts)
    # The first releases leave the suffix out.
    files = [file if os.path.splitext(file)[1] else f"{file}.mp3" for file in files_of(table, names.audio, path)]
    folder = next((path.parent / name for name in FOLDERS if (path.parent / name).is_dir()), path.parent)
    table = with_recordings(table, names.audio, [os.path.join(folder, file) for file in files], own_id=own_id)
    if "client_id" in table.column_names and "speaker" not in table.column_names:
        table = table.rename_columns(["speaker" if name == "client_id" else name for name in table.column_names])
    if "duration" not in table.column_names:
        table = _with_durations(table, files, path)
    return ForeignSamples(table, replace(names, audio="audio"))


def _named(wanted: Wanted, stored: list[str]) -> ColumnNames:
    """Return the table's names of id, text and audio: the user's, or those of the release."""
    names = wanted.names
    of_release = {
        ours: ours if ours in stored or theirs not in stored else theirs for ours, theirs in SPONTANEOUS.items()
    }
    return replace(
        names,
        text=of_release["sentence"] if names.text == "text" else names.text,
        audio=of_release["path"] if names.audio == "audio" else names.audio,
    )


def _with_texts(table: pa.Table, names: ColumnNames, path: Path) -> pa.Table:
    """Return the rows that have a transcription, and say how many have none."""
    empty = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(table.column(names.text), "")), "")
    if pc.any(empty).as_py() and names.audio in table.column_names:  # else there are no rows at all
        first = table.column(names.audio)[pc.index(empty, True).as_py()].as_py()
        say_left_out(str(path), pc.sum(empty).as_py(), "recordings have no transcription", first)
    return table.filter(pc.invert(empty))


def _unquoted(text: str) -> str:
    """Return a sentence without the quotes that the CSV of some releases adds: around it, and doubled within it."""
    inner = text[1:-1]
    if len(text) > 2 and text[0] == text[-1] == '"' and '""' in inner and '"' not in inner.replace('""', ""):
        text = inner
    return text.replace('""', '"')


def _tables(place: Place) -> list[Path]:
    """Return the tables of recordings; releases also have tables of durations, of sentences and of reports."""
    found = [path for path in place.matching("*.tsv") if path.name != DURATIONS and "report" not in path.name]
    named = [path for path in found if not {*SPONTANEOUS, *SPONTANEOUS.values()}.isdisjoint(header(path, "\t"))]
    return named or found


def _only_table(place: Place) -> Path:
    tables = _tables(place)
    if len(tables) > 1:
        raise SaladError(
            f"{place.path} has several tables, which share rows: {', '.join(path.name for path in tables)}",
            f"Give one of them, such as {place.path / 'validated.tsv'}.",
        )
    return tables[0]


def _with_durations(table: pa.Table, files: list[str], path: Path) -> pa.Table:
    """Return the table with `duration` (s), where the release gives milliseconds in the table or in one of its own."""
    if "duration_ms" in table.column_names:
        try:
            seconds = pc.divide(table.column("duration_ms").cast(pa.float64()), 1000.0)
        except pa.ArrowException as error:
            raise SaladError(
                f"{path}: duration_ms is not a number in every row: {error}", "Copy the file from the release again."
            ) from error
        return table.append_column("duration", seconds)
    if (path.parent / DURATIONS).is_file():
        return table.append_column("duration", _durations(path.parent / DURATIONS, files))
    return table


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
