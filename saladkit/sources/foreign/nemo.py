"""NeMo manifests: JSON lines with `audio_filepath`, from the manifest's folder, `text`, `duration`, often `offset`."""

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.sources.foreign.json_lines import json_lines
from saladkit.sources.foreign.rows import ForeignSamples, Wanted, id_of_file, rows_to_table
from saladkit.sources.stretches import Stretch

FILE = "audio_filepath"


def is_nemo(first: dict, audio_column: str) -> bool:
    """Whether a line is one of a NeMo manifest, and not one of samples that have that column besides their audio."""
    return FILE in first and (audio_column == FILE or audio_column not in first)


def read_nemo(path: Path, wanted: Wanted) -> ForeignSamples:
    """Every line as a row; one with an `offset` is that stretch of the file, one without the whole file.

    Raises:
        SaladError: a line that is none, or the manifest of a data set in tar files.
    """
    return ForeignSamples(rows_to_table(_rows(path, wanted), wanted.limit), replace(wanted.names, audio="audio"))


def _rows(path: Path, wanted: Wanted) -> Iterator[dict]:
    for number, line in json_lines(path):
        where = f"{path}, line {number},"
        file = line.pop(FILE, None)
        if not isinstance(file, str) or not file:
            raise SaladError(f"{where} has no {FILE} that is the path of one file", "Mend the line or remove it.")
        if "shard_id" in line:
            raise SaladError(
                f"{path} is the manifest of a NeMo data set in tar files (line {number} has a shard_id)",
                "Unpack the tar files and give a manifest of what was in them, without shard_id.",
            )
        duration, offset = (_seconds(line, name, where) for name in ("duration", "offset"))
        at = "" if line.pop("offset", None) is None else f"@{offset:.9f}".rstrip("0").rstrip(".")
        if wanted.names.id == "id":
            line.setdefault("id", id_of_file(file) + at)
        if wanted.audio:
            audio = os.path.join(os.path.dirname(path), os.path.expanduser(file))
            if at:
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
