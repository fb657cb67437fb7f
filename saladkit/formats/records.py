"""Read the records of artefacts, manifests and plans, whose entries may be damaged."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from saladkit.errors import SaladError
from saladkit.formats.files import read_json

_TYPES: dict[str, type] = {"schema": str, "schema_version": int, "tool": str, "verb": str, "fingerprint": str}
_TYPES |= dict.fromkeys(("settings", "inputs", "counts", "identity", "files"), dict) | {"skipped": list}


def read_record(path: Path, needed: Iterable[str] = ()) -> dict:
    """Read a manifest or a plan, and check the types of its entries.

    Args:
        needed: entries that it must have.

    Raises:
        SaladError: the file cannot be read, an entry is missing, or one is not of its type.
    """
    record = read_json(path)
    wrong = [name for name in needed if name not in record]
    wrong += [name for name, kind in _TYPES.items() if name in record and type(record[name]) is not kind]
    if not wrong:
        wrong += ["inputs"] if not all(map(_is_input, record.get("inputs", {}).values())) else []
        wrong += ["skipped"] if not all(map(_is_skipped, record.get("skipped", []))) else []
        wrong += ["files"] if not all(_is_file(*entry) for entry in record.get("files", {}).items()) else []
    if wrong:
        raise damaged(path, f"its entry '{wrong[0]}' is missing or damaged")
    return record


def damaged(path: Path, problem: str) -> SaladError:
    """Return the error that a file of an artefact is damaged."""
    return SaladError(
        f"{path} cannot be used: {problem}",
        "Run `saladkit verify` on the folder, which says what to make again.",
    )


def _is_input(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("path", "digest"))


def _is_skipped(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(name), str) for name in ("id", "reason"))


def _is_file(name: str, entry: Any) -> bool:
    """Whether an entry of `files` names a file in the folder, with its size and its digest."""
    inside = bool(name) and not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
    return (
        inside
        and "\0" not in name
        and isinstance(entry, dict)
        and type(entry.get("bytes")) is int
        and isinstance(entry.get("sha256"), str)
    )
