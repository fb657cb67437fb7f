"""What a person sees while a command runs, on stderr."""

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
    """End the bars that an error has left open: what is written next would stand on their line."""
    for bar in list(tqdm._instances):
        bar.close()


def say(line: str) -> None:
    """A note for a person, on stderr."""
    print(line, file=sys.stderr)
