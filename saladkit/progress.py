"""Progress bars and notes for people, on stderr."""

import sys
from collections.abc import Iterable

from tqdm import tqdm


def progress(rows: Iterable, *, total: int | None = None, what: str, unit: str = "row", initial: int = 0) -> Iterable:
    """Iterate over rows with a progress bar on stderr, titled `what`."""
    return tqdm(rows, total=total, desc=what, unit=unit, initial=initial, file=sys.stderr, mininterval=0.5)


def end_progress() -> None:
    """Close bars that an error has left open, so that the next output begins on a new line."""
    for bar in list(tqdm._instances):
        bar.close()


def say(line: str) -> None:
    """Print a note on stderr."""
    print(line, file=sys.stderr)
