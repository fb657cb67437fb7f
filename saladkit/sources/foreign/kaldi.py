"""Kaldi's data folders: `wav.scp` (recordings), `text`, and often `segments`, `utt2spk` and `utt2dur`.

Each line of a file is an id and a value. Lines of `wav.scp` may be commands, whose output Kaldi hears, or places in
archives. A command is never run: it is data of others.
"""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples, rows_to_table
from saladkit.sources.notes import note
from saladkit.sources.place import Place
from saladkit.sources.stretches import Stretch
from saladkit.sources.text_files import read_lines
from saladkit.sources.wanted import Wanted

RECORDINGS, SEGMENTS, TEXT = "wav.scp", "segments", "text"
IN_AN_ARCHIVE = re.compile(r".+\.ark(:\d+)?(\[.*\])?|-")
MAKE_FILES = "Run the commands yourself, and name the files that they write in wav.scp."

Values = dict[str, tuple[int, str]]  # id: its line, counted from 1, and its value


def is_kaldi(place: Place) -> bool:
    """Whether a place is a folder with `wav.scp`, or this file."""
    return RECORDINGS in place.entries if place.is_folder else place.path.name == RECORDINGS


def read_kaldi(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read every utterance as a row: a line of `segments`, or of `wav.scp` where there are no segments.

    A recording that is a command or in an archive has no audio here, which is said.

    Raises:
        SaladError: a line cannot be read, an utterance has no text where every row needs one, a text has no utterance,
            or all recordings are commands or in archives where audio is needed.
    """
    folder = place.path if place.is_folder else place.path.parent
    texts = _values(folder / TEXT) if wanted.reads("text") and (folder / TEXT).is_file() else {}
    speakers, seconds = (_values(folder / name) if (folder / name).is_file() else {} for name in ("utt2spk", "utt2dur"))
    rows = list(_utterances(folder, wanted))
    for row in rows:
        id_ = row["id"]
        if wanted.reads("text"):
            row["text"] = texts.pop(id_)[1] if id_ in texts else None
        row["speaker"] = speakers[id_][1] if id_ in speakers else None
        if row.get("duration") is None and id_ in seconds:
            row["duration"] = _number(seconds[id_][1], folder / "utt2dur", seconds[id_][0])
    _check_texts(folder, rows, texts, wanted)
    return ForeignSamples(rows_to_table(rows, wanted.limit))


def _check_texts(folder: Path, rows: list[dict], unused: Values, wanted: Wanted) -> None:
    without = [row["id"] for row in rows if row.get("text", "") is None]
    if without and wanted.needs("text"):
        raise SaladError(
            f"{folder}: {len(without)} of {len(rows)} utterances have no text, the first is {without[0]}",
            "Run Kaldi's utils/fix_data_dir.sh on the folder, or write the texts.",
        )
    if unused:
        raise SaladError(
            f"{folder / TEXT}: {len(unused)} lines have no utterance, the first is {next(iter(unused))}",
            "Run Kaldi's utils/fix_data_dir.sh on the folder, or remove the lines.",
        )


def _utterances(folder: Path, wanted: Wanted) -> Iterator[dict]:
    recordings = _recordings(folder, wanted)
    if not (folder / SEGMENTS).is_file():
        yield from ({"id": id_, "audio": path} for id_, path in recordings.items())
        return
    for id_, (number, value) in _values(folder / SEGMENTS).items():
        where = f"{folder / SEGMENTS}, line {number},"
        fields = value.split()
        if len(fields) < 3:
            raise SaladError(f"{where} is not UTTERANCE RECORDING START END", "Write all four, or remove the line.")
        if fields[0] not in recordings:
            raise SaladError(f"{where} is of the recording {fields[0]}, which {RECORDINGS} lacks", "Add the recording.")
        start, end = (_number(field, folder / SEGMENTS, number) for field in fields[1:3])
        stop = None if end == -1 else end  # Kaldi's sign for the end of the recording
        if start < 0 or (stop is not None and stop <= start):
            raise SaladError(f"{where} is of {fields[1]} to {fields[2]} s", "Give seconds, the end after the start.")
        path = recordings[fields[0]]
        duration = None if stop is None else round(stop - start, 6)
        yield {"id": id_, "audio": path and str(Stretch(path, start, stop)), "duration": duration}


def _recordings(folder: Path, wanted: Wanted) -> dict[str, str | None]:
    """Return {recording: file}; relative paths start at the folder. None for what is not a file."""
    values = _values(folder / RECORDINGS)
    no_files = [id_ for id_, (_, value) in values.items() if _is_no_file(value)]
    if no_files and wanted.reads("audio"):
        number, value = values[no_files[0]]
        problem = (
            f"{folder / RECORDINGS}, line {number}: {no_files[0]} is a command or a place in an archive, which is never"
            f" run or opened: {value[:100]}"
        )
        if len(no_files) == len(values) and wanted.needs("audio"):
            raise SaladError(f"{problem} (and so is every line)", MAKE_FILES)
        note(f"{problem} ({len(no_files)} of {len(values)} lines; they have no audio)")
    found: dict[str, str | None] = {id_: os.path.join(folder, value) for id_, (_, value) in values.items()}
    return found | dict.fromkeys(no_files)


def _is_no_file(value: str) -> bool:
    return value.endswith("|") or value.startswith("|") or IN_AN_ARCHIVE.fullmatch(value) is not None


def _values(path: Path) -> Values:
    found: Values = {}
    for number, line in read_lines(path):
        id_, *rest = line.split(maxsplit=1)
        if id_ in found:
            raise SaladError(f"{path}, line {number}: {id_} stands on line {found[id_][0]} too", "Remove one of them.")
        if not rest and path.name != TEXT:
            raise SaladError(f"{path}, line {number}, has an id and nothing else", "Complete or remove the line.")
        found[id_] = number, "".join(rest).strip()
    return found


def _number(field: str, path: Path, number: int) -> float:
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SaladError(f"{path}, line {number}: {field!r} is not a number of seconds", "Give seconds.")
    return value
