"""Plain folders of recordings, each with its text in a file beside it, or in LibriSpeech's `.trans.txt`."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.folders import walk_folders
from saladkit.sources.foreign.rows import SUFFIXES, ForeignSamples, Wanted, rows_to_table

TEXTS = (".txt", ".lab", ".normalized.txt")  # the last is LibriTTS's
UTTERANCES = ".trans.txt"
_SPELLED = (*TEXTS, *(suffix.upper() for suffix in TEXTS))


def has_recordings(folder: Path) -> bool:
    """Whether there is an audio file in a folder or in the folders in it."""
    return next(_walk(folder), None) is not None


def read_text_beside_audio(folder: Path, wanted: Wanted) -> ForeignSamples:
    """A row for every audio file, in the order of their paths.

    Raises:
        SaladError: a text that cannot be read; recordings without a text, where every row needs one, or utterances
            of a `.trans.txt` without a recording.
    """
    rows = list(islice(_rows(folder, wanted), wanted.limit))
    without = [row["id"] for row in rows if row.get("text", "") is None]
    if without and wanted.need_text:
        raise SaladError(
            f"{folder}: {len(without)} of {len(rows)} recordings have no text beside them, the first is {without[0]}",
            f"Write what is said into {Path(without[0]).name}.txt beside it, or give the manifest that has the texts.",
        )
    return ForeignSamples(rows_to_table(rows, None))


def _rows(folder: Path, wanted: Wanted) -> Iterator[dict]:
    for place, files in _walk(folder):
        spoken, there = _utterances(place, files) if wanted.text else {}, set(files)
        for path in (place / name for name in files if _is_recording(name)):
            row = {"id": path.relative_to(folder).with_suffix("").as_posix()}
            row |= {"audio": str(path)} if wanted.audio else {}
            if path.stem in spoken:
                row |= {"id": path.stem, "text": spoken.pop(path.stem), "speaker": path.stem.partition("-")[0]}
            elif wanted.text:
                beside = next((path.stem + suffix for suffix in _SPELLED if path.stem + suffix in there), None)
                row["text"] = None if beside is None else _read(place / beside).strip()
            yield row
        if spoken:
            raise SaladError(
                f"{place}: {len(spoken)} lines of {UTTERANCES} have no recording, the first is {next(iter(spoken))}",
                "Put the recordings there, or remove the lines.",
            )


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """The folders that have audio files, and all files of each; without hidden ones."""
    for place, files in walk_folders(folder):
        if any(part.startswith(".") for part in place.relative_to(folder).parts):
            continue
        files = [name for name in files if not name.startswith(".")]
        if any(map(_is_recording, files)):
            yield place, files


def _is_recording(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _utterances(place: Path, files: list[str]) -> dict[str, str]:
    lines = [line for name in files if name.endswith(UTTERANCES) for line in _read(place / name).splitlines()]
    return {id_: text.strip() for id_, _, text in (line.partition(" ") for line in lines) if id_}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Write it in UTF-8.") from error
