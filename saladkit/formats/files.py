"""Write files under a temporary name and rename them when complete; name the parts of an artefact."""

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.json_text import parse_json
from saladkit.formats.writing_process import process_of, this_process

PARTIAL = ".partial"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RIGHT = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the body succeeds, remove it otherwise.

    Raises:
        SaladError: the disk is full, or the folder is read-only.
    """
    aside = path.with_name(f"{path.name}{PARTIAL}-{this_process()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        _rename(aside, path)
    except OSError as error:
        if error.errno not in (*NO_ROOM, *NO_RIGHT):
            raise
        first = "Make room on the disk" if error.errno in NO_ROOM else "Make the folder writable for this machine"
        raise SaladError(
            f"{path} cannot be written: {os.strerror(error.errno)}",
            f"{first} and run the same command again; it continues where it stopped.",
        ) from error
    finally:
        with suppress(OSError):  # of a read-only folder
            aside.unlink(missing_ok=True)


def _rename(aside: Path, path: Path) -> None:
    try:
        os.replace(aside, path)
    except FileNotFoundError:
        if not path.exists():
            raise  # else another process has made the file, and swept up the temporary one of this slow process


def is_abandoned(aside: Path) -> bool:
    """Return whether the process that wrote the temporary file `aside` has ended; false for one of another machine."""
    process = process_of(aside.name.rpartition(f"{PARTIAL}-")[2])
    return process is not None and process.has_ended()


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, first under a temporary name."""
    with written_aside(path) as aside:
        aside.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> dict:
    """Read one JSON object.

    Raises:
        SaladError: the file cannot be read or is no JSON object.
    """
    try:
        value = parse_json(path.read_text())
        if isinstance(value, dict):
            return value
        raise ValueError(f"it holds no object but a {type(value).__name__}")
    except (OSError, ValueError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Give a file that is complete and readable.") from error


def part_name(index: int, total: int, suffix: str) -> str:
    """Return the name of a part, such as `part-00000-of-00004.parquet`."""
    return f"part-{index:05d}-of-{total:05d}{suffix}"


def part_of(name: str) -> str | None:
    """Return the part that a file belongs to, such as `part-00000-of-00004`; None if it belongs to no part."""
    found = re.search(r"part-\d{5,}-of-\d{5,}", name)
    return found and found.group()
