"""LJSpeech, and corpora in its form such as M-AILABS: `metadata.csv` without a header, and recordings in `wavs/`.

A line is `ID|text|normalized text`; the second text may be missing. Nothing is quoted. Some corpora name the columns on
the first line, such as `audio_file|text|speaker_name` (Coqui).
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples, rows_to_table
from saladkit.sources.foreign.tables import header
from saladkit.sources.place import Place, without_audio_suffix
from saladkit.sources.stored_names import composed
from saladkit.sources.text_files import read_lines
from saladkit.sources.wanted import Wanted

COLUMNS: tuple[str, ...] = ("id", "text", "normalized_text")
FIRST_COLUMN = set("id name file file_name filename path wav audio audio_file utterance_id".split())
MEANT = {"speaker": "speaker", "speaker_name": "speaker", "speaker_id": "speaker"}
MEANT |= dict.fromkeys(("normalized_text", "normalized_transcription", "normalized"), "normalized_text")
TABLE, FOLDERS, SUFFIX = "metadata.csv", ("wavs", "wav"), ".wav"


def is_ljspeech(place: Place) -> bool:
    """Whether a place is such a table, or a folder that has one at any depth.

    Raises:
        SaladError: a table cannot be read.
    """
    return bool(_tables(place))


def read_ljspeech(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read every line as a row: its first text is `text`, its second `normalized_text`.

    Raises:
        SaladError: a table cannot be read, or a line has no text.
    """
    root = place.path if place.is_folder else place.path.parent
    rows = (row for table in _tables(place) for row in _rows(table, root))
    return ForeignSamples(rows_to_table(rows, wanted.limit), replace(wanted.names, audio="audio"))


def _tables(place: Place) -> list[Path]:
    if not place.is_folder:
        return [place.path] if place.path.name == TABLE and _is_table(place.path) else []
    if place.sample_tables:
        return []
    found = (folder / name for folder, names in place.tree for name in names if name == TABLE)
    return [path for path in found if _is_table(path)]


def _is_table(path: Path) -> bool:
    return _recordings(path.parent) is not None and len(header(path, "|")) > 1


def _recordings(folder: Path) -> Path | None:
    return next((folder / name for name in FOLDERS if (folder / name).is_dir()), None)


def _rows(table: Path, root: Path) -> Iterator[dict]:
    recordings = _recordings(table.parent) or table.parent
    stored = {composed(without_audio_suffix(name)): name for name in sorted(os.listdir(recordings), reverse=True)}
    inside = table.parent.relative_to(root).as_posix()
    prefix = "" if inside == "." else f"{inside}/"
    columns = COLUMNS
    for number, line in read_lines(table, guess=True):
        name, *texts = line.split("|")
        if not name.strip() or not texts:
            raise SaladError(
                f"{table}, line {number}, is not ID|text|normalized text", "Write an id and a text, or remove the line."
            )
        stem = composed(without_audio_suffix(os.path.basename(name.strip())))
        if number == 1 and stem.casefold() in FIRST_COLUMN and stem not in stored:
            columns = tuple(column.strip().casefold() for column in line.split("|"))
            continue
        audio = recordings / stored.get(stem, stem + SUFFIX)
        row = {"id": prefix + stem, "text": texts[0].strip(), "audio": str(audio)}
        more = zip(columns[2:], texts[1:], strict=False)
        yield row | {MEANT[column]: value.strip() for column, value in more if column in MEANT}
