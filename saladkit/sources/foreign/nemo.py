"""NeMo manifests: JSON lines with `audio_filepath`, relative to the manifest's folder, and often `text`, `offset`."""

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples, id_of_file, rows_to_table
from saladkit.sources.json_lines import json_lines
from saladkit.sources.place import Place
from saladkit.sources.stretches import Stretch
from saladkit.sources.wanted import Wanted

FILE = "audio_filepath"


def is_nemo(place: Place) -> bool:
    """Whether the first line of a file is NeMo's; samples that have an audio column besides `audio_filepath` are not.

    Raises:
        SaladError: the file cannot be read.
    """
    first, audio = place.first_object or {}, place.names.audio
    return FILE in first and (audio == FILE or audio not in first)


def read_nemo(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read every line as a row: the whole file, or the stretch of it that starts at `offset`.

    Raises:
        SaladError: a line is invalid, or the manifest describes tar files.
    """
    rows = rows_to_table(_rows(place.path, wanted), wanted.limit)
    return ForeignSamples(rows, replace(wanted.names, audio="audio"))


def _rows(path: Path, wanted: Wanted) -> Iterator[dict]:
    for number, line in json_lines(path):
        where = f"{path}, line {number},"
        file = line.pop(FILE, None)
        if not isinstance(file, str) or not file:
            raise SaladError(
                f"{where} has no {FILE} that is the path of one file",
                f"Set {FILE} to the path of one audio file, or remove the line.",
            )
        if "shard_id" in line:
            raise SaladError(
                f"{path} is the manifest of a NeMo data set in tar files (line {number} has a shard_id)",
                "Unpack the tar files and give a manifest of the files in them, without shard_id.",
            )
        duration, offset = (_seconds(line, name, where) for name in ("duration", "offset"))
        line.pop("offset", None)
        at = "" if offset is None else f"@{offset:.9f}".rstrip("0").rstrip(".")
        if wanted.names.id == "id":
            line.setdefault("id", id_of_file(file) + at)
        if wanted.reads("audio"):
            audio = os.path.join(os.path.dirname(path), os.path.expanduser(file))
            if offset is not None:
                audio = str(Stretch(audio, offset, None if duration is None else offset + duration))
            line["audio"] = audio
        yield line


def _seconds(line: dict, name: str, where: str) -> float | None:
    value = line.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise SaladError(f"{where} has the {name} {value!r}", "Give seconds, as a number that is not negative.")
    return float(value)
