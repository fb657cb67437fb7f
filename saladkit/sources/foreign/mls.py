"""Multilingual LibriSpeech (MLS): `transcripts.txt`, and `audio/SPEAKER/BOOK/SPEAKER_BOOK_NUMBER.flac` (or `.opus`).

A line of `transcripts.txt` is an id, a tab and a text.
"""

from collections.abc import Iterator
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples, rows_to_table
from saladkit.sources.place import Place
from saladkit.sources.text_files import read_lines
from saladkit.sources.wanted import Wanted

TABLE, FOLDER, SPLITS = "transcripts.txt", "audio", ("train", "dev", "test")
SUFFIXES = (".flac", ".opus", ".wav", ".mp3", ".ogg")


def is_mls(place: Place) -> bool:
    """Whether a place is the transcripts of a split, the folder of a split, or a folder of splits."""
    if not place.is_folder:
        return place.path.name == TABLE and _is_split(place.path.parent)
    return _is_split(place.path) or bool(_splits(place))


def read_mls(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read every line as a row.

    Raises:
        SaladError: a folder with several splits, or a line that is not an id of MLS and a text.
    """
    splits = _splits(place)
    if len(splits) > 1:
        raise SaladError(
            f"{place.path} has several splits: {', '.join(split.name for split in splits)}",
            f"Give one of them, such as {splits[0]}.",
        )
    folder = splits[0] if splits else place.path if place.is_folder else place.path.parent
    return ForeignSamples(rows_to_table(_rows(folder), wanted.limit))


def _is_split(folder: Path) -> bool:
    return (folder / TABLE).is_file() and (folder / FOLDER).is_dir()


def _splits(place: Place) -> list[Path]:
    named = (place.path / name for name in SPLITS if name in place.entries)
    return [] if _is_split(place.path) else [folder for folder in named if _is_split(folder)]


def _rows(folder: Path) -> Iterator[dict]:
    suffix = None
    for number, line in read_lines(folder / TABLE):
        id_, *text = line.split(maxsplit=1)
        speaker, book, *_ = [*id_.split("_"), "", ""]
        if id_.count("_") != 2 or not text:
            raise SaladError(
                f"{folder / TABLE}, line {number}, is not SPEAKER_BOOK_NUMBER, a tab and a text",
                "Copy the file from the release again, or remove the line.",
            )
        path = folder / FOLDER / speaker / book / id_
        suffix = suffix or _suffix_of(path)
        yield {"id": id_, "text": text[0].strip(), "speaker": speaker, "audio": f"{path}{suffix or SUFFIXES[0]}"}


def _suffix_of(path: Path) -> str | None:
    """Return the suffix of the files of the release, which all have one; None if this file is missing."""
    return next((suffix for suffix in SUFFIXES if path.with_name(path.name + suffix).is_file()), None)
