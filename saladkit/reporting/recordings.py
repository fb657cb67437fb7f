"""Recordings of questions for the page, as `data:` addresses: some of them, since a page of all would be too large."""

from base64 import b64encode
from pathlib import Path

import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.samples import SCHEMA, row_at
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.predictions import Key, Predictions
from saladkit.sources.samples import read_samples
from saladkit.sources.stretches import Stretch

MEDIA_TYPES = {b"fLaC": "audio/flac", b"RIFF": "audio/wav", b"OggS": "audio/ogg"} | dict.fromkeys(
    (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"), "audio/mpeg"
)


def addresses_of(inventory: Inventory, model: Predictions, wanted: list[Key], most_bytes: int) -> dict[Key, str]:
    """Return `data:` addresses of the recordings of these questions, in their order, up to `most_bytes` in all.

    Left out are tasks whose samples are not in the run's folder, recordings that are a part of a longer file or that
    no browser plays, and those that no longer fit. Only the parts of an artefact that hold a wanted question are read.

    Raises:
        SaladError: the audio of a task cannot be read.
    """
    audio: dict[Key, bytes] = {}
    for task in sorted({task for task, _ in wanted}):
        folder = inventory.by_digest(SCHEMA, model.task_digests.get(task))
        if folder is None:
            continue
        ids = {id_ for of_task, id_ in wanted if of_task == task}
        parts = [folder.path / name for name in folder.manifest["files"] if name.endswith(".parquet")]
        audio |= {(task, id_): sound for part in sorted(parts) for id_, sound in _sounds(part, ids).items()}
    found: dict[Key, str] = {}
    size = 0
    for key in wanted:
        sound = audio.get(key, b"")
        kind = next((name for magic, name in MEDIA_TYPES.items() if sound.startswith(magic)), None)
        if kind is not None and size + len(sound) <= most_bytes:
            size += len(sound)
            found[key] = f"data:{kind};base64,{b64encode(sound).decode()}"
    return found


def _sounds(part: Path, ids: set[str]) -> dict[str, bytes]:
    """Return the recordings of the rows with these ids in one part."""
    if "audio" not in pq.read_schema(part).names:
        return {}
    here = read_samples(str(part), needed=["id"], optional=[]).column("id").to_pylist()
    if ids.isdisjoint(here):
        return {}
    table = read_samples(str(part), needed=["id", "audio"], optional=[])
    rows = [row_at(table, place) for place, id_ in enumerate(here) if id_ in ids]
    return {row["id"]: _content(row, part) for row in rows}


def _content(row: dict, part: Path) -> bytes:
    if row["audio"]["bytes"] is not None:
        return row["audio"]["bytes"]
    try:
        stretch = Stretch.parse(row["audio"]["path"] or "")
        return Path(stretch.path).read_bytes() if stretch.is_whole else b""
    except (OSError, TypeError) as error:
        raise SaladError(
            f"{part}: the audio of row '{row['id']}' cannot be read: {error}",
            "Put the audio file back, or run `saladkit synth` again.",
        ) from error
