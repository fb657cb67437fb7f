"""Files written aside and renamed, so that what is in its place is whole; and the names of parts."""

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saladkit.errors import SaladError

PARTIAL = ".partial"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place if the body succeeds, remove it otherwise.

    Raises:
        SaladError: there is no room for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}{PARTIAL}-{socket.gethostname()}-{os.getpid()}")
    try:
        yield aside
        os.replace(aside, path)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise SaladError(
            f"{path} cannot be written: {os.strerror(error.errno)}",
            "Make room; the same line run again goes on where it stopped.",
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def is_abandoned(aside: Path) -> bool:
    """Whether the process that wrote `aside` has ended; another machine's may be at work on its own shard still."""
    host, _, process = aside.name.rpartition(f"{PARTIAL}-")[2].rpartition("-")
    if host != socket.gethostname() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it lives, as another user's
        pass
    return False


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, aside first and then renamed."""
    with written_aside(path) as aside:
        aside.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> dict:
    """Read one JSON object.

    Raises:
        SaladError: the file is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Make it again, or give another file.") from error


def part_name(index: int, total: int, suffix: str) -> str:
    """`part-00000-of-00004.parquet` and the like."""
    return f"part-{index:05d}-of-{total:05d}{suffix}"
