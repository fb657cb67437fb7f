"""Lhotse: cuts in JSON lines, and Shar folders, whose recordings lie in tar files beside the cuts.

lhotse loads torch, so it is imported only where such files are read.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from saladkit.errors import SaladError
from saladkit.sources.foreign.lhotse_audio import audio_of
from saladkit.sources.foreign.lhotse_items import raw_items, with_whole_alignments
from saladkit.sources.foreign.lhotse_supervisions import (
    PlacedSupervision,
    joined_text,
    joined_words,
    parts_of,
    supervisions_of,
)
from saladkit.sources.foreign.rows import ForeignSamples, rows_to_table
from saladkit.sources.json_lines import json_lines
from saladkit.sources.place import Place
from saladkit.sources.transcripts import say_left_out
from saladkit.sources.wanted import Wanted

if TYPE_CHECKING:
    from lhotse.cut import Cut

CUT_TYPES = frozenset(["MonoCut", "MultiCut", "MixedCut", "Cut"])
_SAVE_CUTS = "Save the cuts with Lhotse's `CutSet.to_file`, which writes a valid manifest."


def is_cuts(place: Place) -> bool:
    """Whether the first line of a file is a cut.

    Raises:
        SaladError: the file cannot be read.
    """
    return (place.first_object or {}).get("type") in CUT_TYPES


def is_shar(place: Place) -> bool:
    """Whether a place is a folder with shards of cuts."""
    return bool(_shards(place, "cuts"))


def read_cuts(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read every cut of a manifest as a row.

    Raises:
        SaladError: Lhotse is not installed, a line is not a cut, or a cut's audio or text cannot be used.
    """
    need_lhotse(place.path)
    rows = _rows(_cuts(place.path), place.path, wanted, in_shar=False)
    return ForeignSamples(rows_to_table(rows, wanted.limit, wanted.beside))


def read_shar(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read every cut of a Shar folder as a row; open the tar files only where audio is wanted.

    Raises:
        SaladError: Lhotse is not installed, a shard is missing or damaged, or as `read_cuts`.
    """
    need_lhotse(place.path)
    rows = _rows(_shar(place, wanted.reads("audio")), place.path, wanted, in_shar=True)
    return ForeignSamples(rows_to_table(rows, wanted.limit, wanted.beside))


def need_lhotse(path: Path) -> None:
    """Raise a SaladError if the package that reads `path` is not installed."""
    if find_spec("lhotse") is None:
        raise SaladError(
            f"{path} needs the package 'lhotse', which is not installed", "Run: pip install 'saladkit[lhotse]'"
        )


def _cuts(path: Path) -> "Iterator[Cut]":
    from lhotse.cut import Cut
    from lhotse.serialization import deserialize_item

    read = 0
    try:
        for item in raw_items(path):
            cut = deserialize_item(with_whole_alignments(item))
            if not isinstance(cut, Cut):
                raise TypeError(f"it is of type {type(cut).__name__}")
            yield cut
            read += 1
    except SaladError:
        raise
    except Exception as error:  # an unexpected value can lead to any error in lhotse
        raise SaladError(f"{path}, line {read + 1}, is not a cut of Lhotse: {error!r}", _SAVE_CUTS) from error


def _shar(place: Place, audio: bool) -> "Iterator[Cut]":
    from lhotse import CutSet

    fields = {"cuts": _shards(place, "cuts")} | ({"recording": _shards(place, "recording")} if audio else {})
    if audio and len(fields["recording"]) != len(fields["cuts"]):
        raise SaladError(
            f"{place.path} has {len(fields['cuts'])} shards of cuts and {len(fields['recording'])} of recordings",
            f"Copy all shards of the original data set into {place.path}.",
        )
    damaged = f"Copy all files of the original data set into {place.path}: one of them is damaged or incomplete."
    read = 0
    try:
        for cut in CutSet.from_shar({field: list(map(str, paths)) for field, paths in fields.items()}):
            yield cut
            read += 1
    except Exception as error:  # tarfile's, gzip's, JSON's and Lhotse's own assertions
        raise SaladError(
            f"{place.path} cannot be read after {read} cuts: {type(error).__name__}: {error}", damaged
        ) from error
    written = sum(1 for path in fields["cuts"] for _ in json_lines(path))
    if read < written:  # Lhotse ends a shard with the shorter of its files
        raise SaladError(
            f"{place.path} has {written} cuts and the recordings of {read}: a tar file is cut short",
            damaged,
        )


def _shards(place: Place, field: str) -> list[Path]:
    """Return the files `FIELD.NUMBER…` of a Shar folder, in order."""
    return [path for path in place.matching(f"{field}.[0-9]*") if {".jsonl", ".tar"} & set(path.suffixes)]


def _rows(cuts: "Iterator[Cut]", path: Path, wanted: Wanted, in_shar: bool) -> Iterator[dict]:
    silent = []
    try:
        for cut in cuts:
            try:
                placed = supervisions_of(cut, wanted.names.text)
                row = _row(cut, placed, path, wanted, in_shar)
            except (TypeError, ValueError, AttributeError, KeyError) as error:  # Lhotse accepts any value in a field
                raise SaladError(f"{path}: cut '{cut.id}' has an invalid field: {error!r}", _SAVE_CUTS) from error
            if row.get("text") == "" and any(one.is_silent for one in placed):
                silent.append(cut.id)
            else:
                yield row
    finally:  # a limit ends the reading early
        if silent:
            say_left_out(str(path), len(silent), "rows hold no word but marks", silent[0])


def _row(cut: "Cut", placed: list[PlacedSupervision], path: Path, wanted: Wanted, in_shar: bool) -> dict:
    where = f"{path}: cut '{cut.id}'"
    row: dict = {"id": cut.id, "duration": float(cut.duration)}
    recordings = list(dict.fromkeys(part.recording_id for _, part in parts_of(cut) if part.has_recording))
    row |= {"source": recordings[0]} if len(recordings) == 1 else {}
    for column in ("speaker", "language", "gender"):
        values = list(dict.fromkeys(value for one in placed if (value := getattr(one.supervision, column))))
        row[column] = " + ".join(values) if values else None
    if wanted.reads("text"):
        row["text"] = joined_text(placed, cut, where)
    if wanted.reads("words"):
        row["words"] = None if in_shar else joined_words(placed)
    if wanted.reads("audio"):
        row["audio"] = audio_of(cut, where, path if in_shar else path.parent)
    return row
