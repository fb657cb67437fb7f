"""Progress bars and notes for people, on stderr; nothing of them with --quiet."""

import os
import sys
import warnings
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

QUIET = "_SALADKIT_QUIET"  # an environment variable, so that worker processes are quiet, too

# Libraries that draw bars of their own: the variable that they read while they are loaded, and what hides and shows
# their bars later.
LIBRARIES = {
    "transformers.utils.logging": ("HF_HUB_DISABLE_PROGRESS_BARS", "disable_progress_bar", "enable_progress_bar"),
    "datasets.utils": ("HF_DATASETS_DISABLE_PROGRESS_BARS", "disable_progress_bars", "enable_progress_bars"),
}


def be_quiet(quiet: bool) -> None:
    """Set whether this process and those that it starts print progress and notes, also those of libraries."""
    if quiet == is_quiet():
        return
    if quiet:
        os.environ[QUIET] = ",".join(library for library, (own, *_) in LIBRARIES.items() if own not in os.environ)
    for library in filter(None, os.environ[QUIET].split(",")):  # without those about which the user has decided
        variable, hide, show = LIBRARIES[library]
        if quiet:
            os.environ[variable] = "1"
        else:
            os.environ.pop(variable, None)
        if library in sys.modules:
            # A library that was loaded while its bars were hidden warns that they stay so.
            with warnings.catch_warnings(action="ignore"):
                getattr(sys.modules[library], hide if quiet else show)()
    if not quiet:
        del os.environ[QUIET]


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
