"""What a person sees while a command runs, on stderr."""

import sys
from collections.abc import Iterable

from tqdm import tqdm


def progress(rows: Iterable, *, total: int | None = None, what: str, unit: str = "row", initial: int = 0) -> Iterable:
    """Iterate with a bar on stderr."""
    return tqdm(rows, total=total, desc=what, unit=unit, initial=initial, file=sys.stderr, mininterval=0.5)


def end_progress() -> None:
    """End the bars that an error has left open: what is written next would stand on their line."""
    for bar in list(tqdm._instances):
        bar.close()


def say(line: str) -> None:
    """A note for a person, on stderr."""
    print(line, file=sys.stderr)
