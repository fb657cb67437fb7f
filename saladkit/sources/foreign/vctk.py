"""VCTK: `txt/SPEAKER/UTTERANCE.txt`, and the recordings in `wav48/` or `wav48_silence_trimmed/` in the same order.

Since version 0.92 there are two microphones: `UTTERANCE_mic1.flac` and `UTTERANCE_mic2.flac`. A row is the recording of
the first; of the second where the first is missing.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.sources.foreign.rows import ForeignSamples, rows_to_table
from saladkit.sources.place import Place, is_recording
from saladkit.sources.stored_names import composed
from saladkit.sources.text_files import read_text
from saladkit.sources.transcripts import say_left_out
from saladkit.sources.wanted import Wanted

TEXTS, FIRST, SECOND = "txt", "_mic1", "_mic2"


def is_vctk(place: Place) -> bool:
    """Whether a place is a folder with `txt/` and a folder of recordings."""
    return place.is_folder and not place.sample_tables and _recordings(place) is not None


def read_vctk(place: Place, wanted: Wanted) -> ForeignSamples:
    """Read every utterance that is recorded as a row, by speakers.

    The release lacks the texts of one speaker and some recordings of another. Where texts are read, utterances without
    one are left out, and so are texts without a recording; how many is said.

    Raises:
        SaladError: a text cannot be read, or no recording has one.
    """
    spoken = list(_utterances(place))
    texts = _texts(place) if wanted.reads("text") else None
    if texts is not None:
        if spoken and texts.keys().isdisjoint(dict(spoken)):
            raise SaladError(
                f"{place.path}: none of {len(spoken)} recordings has a text in {TEXTS}",
                f"Write what is said in the same order of folders, such as {TEXTS}/{spoken[0][0]}.txt.",
            )
        _say(place.path, [key for key, _ in spoken if key not in texts], "recordings have no text")
        _say(place.path, sorted(texts.keys() - dict(spoken).keys()), "texts have no recording")
        spoken = [(key, path) for key, path in spoken if key in texts]
    return ForeignSamples(rows_to_table((_row(*one, texts) for one in spoken), wanted.limit))


def _row(key: str, path: Path, texts: dict[str, Path] | None) -> dict:
    speaker, _, name = key.rpartition("/")
    # The names of VCTK begin with the speaker; others need the folder to tell them apart.
    row = {"id": name if speaker and name.startswith(f"{speaker}_") else key, "audio": str(path)}
    row |= {"speaker": speaker} if speaker else {}
    return row if texts is None else row | {"text": read_text(texts[key]).strip()}


def _say(where: Path, keys: list[str], what: str) -> None:
    if keys:
        say_left_out(str(where), len(keys), what, keys[0])


def _recordings(place: Place) -> str | None:
    """Return the name of the folder of recordings; of several, of the one that was published last."""
    if TEXTS not in place.entries:
        return None
    folders = [name for name in place.entries if name.startswith("wav") and (place.path / name).is_dir()]
    return folders[-1] if folders and (place.path / TEXTS).is_dir() else None


def _utterances(place: Place) -> Iterator[tuple[str, Path]]:
    """Yield each utterance, by its path without folder of recordings and microphone, with its recording."""
    within = place.path / (_recordings(place) or "")
    for folder, names in place.recordings:
        if folder.is_relative_to(within):
            for name in filter(is_recording, names):
                stem, suffix = os.path.splitext(name)
                if stem.endswith(SECOND) and stem.removesuffix(SECOND) + FIRST + suffix in names:
                    continue
                utterance = stem.removesuffix(FIRST).removesuffix(SECOND)
                yield _key(folder.relative_to(within), utterance), folder / name


def _texts(place: Place) -> dict[str, Path]:
    within = place.path / TEXTS
    found = [(folder, name) for folder, names in place.tree if folder.is_relative_to(within) for name in names]
    texts = [(folder, name) for folder, name in found if name.endswith(".txt") and not name.startswith(".")]
    return {_key(folder.relative_to(within), name.removesuffix(".txt")): folder / name for folder, name in texts}


def _key(folder: Path, name: str) -> str:
    return composed((folder / name).as_posix())
