"""Plain folders of recordings, each with its text in a file beside it, or in LibriSpeech's `.trans.txt`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples, rows_to_table
from saladkit.sources.place import Place, is_recording
from saladkit.sources.stored_names import composed
from saladkit.sources.text_files import read_lines, read_text
from saladkit.sources.wanted import Wanted

TEXTS = (".txt", ".lab", ".normalized.txt")  # the last is LibriTTS's
UTTERANCES = ".trans.txt"
_SPELLED = (*TEXTS, *(suffix.upper() for suffix in TEXTS))


def is_text_beside_audio(place: Place) -> bool:
    """Whether a place is a folder that has audio files in it or below, and no tables of samples."""
    return place.is_folder and not place.sample_tables and bool(place.recordings)


def read_text_beside_audio(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read a row for every audio file, in the order of their paths.

    Raises:
        SaladError: a text cannot be read, a recording has no text where every row needs one, or a line of a
            `.trans.txt` has no recording.
    """
    rows = list(islice(_rows(place, wanted), wanted.limit))
    without = [row["id"] for row in rows if row.get("text", "") is None]
    if without and wanted.needs("text"):
        raise SaladError(
            f"{place.path}: {len(without)} of {len(rows)} recordings have no text beside them, the first is"
            f" {without[0]}",
            f"Write what is spoken into {Path(without[0]).name}.txt beside the recording, or give a manifest of texts,"
            " or the folder in which a corpus lies as docs/sources.md describes it.",
        )
    return ForeignSamples(rows_to_table(rows, None))


def _rows(place: Place, wanted: Wanted) -> Iterator[dict]:
    for folder, files in place.recordings:
        utterances = _utterances(folder, files)  # read also where no text is wanted: it has the ids
        there = {composed(name): name for name in files}
        for path in (folder / name for name in files if is_recording(name)):
            stem = composed(path.stem)
            row: dict = {"id": composed(path.relative_to(place.path).with_suffix("").as_posix())}
            row |= {"audio": str(path)} if wanted.reads("audio") else {}
            if stem in utterances:
                row |= {"id": stem, "text": utterances.pop(stem), "speaker": stem.partition("-")[0]}
            elif wanted.reads("text"):
                beside = next((there[stem + suffix] for suffix in _SPELLED if stem + suffix in there), None)
                row["text"] = None if beside is None else read_text(folder / beside).strip()
            yield row
        if utterances and wanted.reads("text"):
            raise SaladError(
                f"{folder}: {len(utterances)} lines of {UTTERANCES} have no recording, the first is"
                f" {next(iter(utterances))}",
                f"Copy the recordings into {folder}, or remove the lines.",
            )


def _utterances(folder: Path, files: list[str]) -> dict[str, str]:
    """Return {id: text} of the folder's `.trans.txt`; a space or a tab follows the id."""
    lines = [line for name in files if name.endswith(UTTERANCES) for _, line in read_lines(folder / name)]
    fields = (line.split(maxsplit=1) for line in lines)
    return {composed(id_): "".join(text).strip() for id_, *text in fields}
