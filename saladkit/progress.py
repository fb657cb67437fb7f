"""Progress bars and notes for people, on stderr; nothing of them with --quiet."""

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

QUIET = "_SALADKIT_QUIET"  # an environment variable, so that worker processes are quiet, too


def be_quiet(quiet: bool) -> None:
    """Set whether this process and those that it starts print progress and notes."""
    os.environ.pop(QUIET, None)
    if quiet:
        os.environ[QUIET] = "1"


def is_quiet() -> bool:
    """Return whether nothing but errors is printed."""
    return QUIET in os.environ


def progress(rows: Iterable[Item], *, total: int | None = None, what: str, unit: str = "row") -> Iterable[Item]:
    """Iterate over rows with a progress bar on stderr, titled `what`."""
    return tqdm(rows, total=total, desc=what, unit=unit, file=sys.stderr, mininterval=0.5, disable=is_quiet())


def progress_bar(*, total: int, what: str, unit: str = "row") -> tqdm:
    """Return a progress bar on stderr, titled `what`, for a `with` statement; the caller moves it with `update`."""
    return tqdm(total=total, desc=what, unit=unit, file=sys.stderr, mininterval=0.5, disable=is_quiet())


def end_progress() -> None:
    """Close bars that an error has left open, so that the next output begins on a new line."""
    for bar in list(tqdm._instances):
        bar.close()


def say(line: str) -> None:
    """Print a note on stderr."""
    if not is_quiet():
        print(line, file=sys.stderr)
