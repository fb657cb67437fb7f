"""Make Lhotse's objects of the JSON in its manifests, also where words of an alignment lack their times.

lhotse loads torch, so it is imported only where such files are read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from saladkit.errors import SaladError
from saladkit.sources.json_lines import json_lines

if TYPE_CHECKING:
    from lhotse.supervision import AlignmentItem

FIELDS = ("symbol", "start", "duration", "score")  # of an alignment item, which is a list of them


def has_times(item: "AlignmentItem") -> bool:
    """Whether a word of an alignment has its times; `with_whole_alignments` marks the others."""
    return item.duration is not None


def raw_items(path: Path) -> Iterator[dict]:
    """Yield the JSON objects of a manifest: JSON lines, or one JSON list.

    Raises:
        SaladError: a line is not a JSON object. Lhotse's own errors: another file cannot be read.
    """
    if ".jsonl" in path.name:
        yield from (line for _, line in json_lines(path))
        return
    from lhotse.serialization import load_json

    found = load_json(path)
    if not isinstance(found, list):
        raise SaladError(f"{path} is not a list of JSON objects", "Give a manifest that lhotse wrote.")
    yield from found


def with_whole_alignments(manifest: dict) -> dict:
    """Return a cut or supervision in which every word of an alignment has the four values that Lhotse expects.

    A word without a start or a duration that are numbers has no times: its duration is None.
    """
    for track in manifest.get("tracks") or ():
        with_whole_alignments(track["cut"])
    for supervision in manifest.get("supervisions") or ():
        with_whole_alignments(supervision)
    alignment = manifest.get("alignment")
    if isinstance(alignment, dict):
        manifest["alignment"] = {
            kind: [_whole(item) for item in items or () if item] for kind, items in alignment.items()
        }
    return manifest


def _whole(item: list | dict) -> list:
    """Return the four values of an alignment item; before Lhotse 1.8 it was a dictionary."""
    fields = dict(zip(FIELDS, item.values() if isinstance(item, dict) else item, strict=False))
    start, duration = fields.get("start"), fields.get("duration")
    if not (_is_number(start) and _is_number(duration)):
        start, duration = 0.0, None
    return [str(fields["symbol"]), start, duration, fields.get("score")]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
