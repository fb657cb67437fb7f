"""Progress bars and notes for people, on stderr."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(rows: Iterable[Item], *, total: int | None = None, what: str, unit: str = "row") -> Iterable[Item]:
    """Iterate over rows with a progress bar on stderr, titled `what`."""
    return tqdm(rows, total=total, desc=what, unit=unit, file=sys.stderr, mininterval=0.5)


def progress_bar(*, total: int, what: str, unit: str = "row") -> tqdm:
    """Return a progress bar on stderr, titled `what`, for a `with` statement; the caller moves it with `update`."""
    return tqdm(total=total, desc=what, unit=unit, file=sys.stderr, mininterval=0.5)


def end_progress() -> None:
    """Close bars that an error has left open, so that the next output begins on a new line."""
    for bar in list(tqdm._instances):
        bar.close()


def say(line: str) -> None:
    """Print a note on stderr."""
    print(line, file=sys.stderr)
