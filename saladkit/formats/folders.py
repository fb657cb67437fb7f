"""Walk a folder and its subfolders, following links."""

import os
from collections.abc import Iterator
from pathlib import Path

from saladkit.errors import SaladError


def walk_folders(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with the names of its files, both sorted; links are followed, but no folder is visited twice.

    Raises:
        SaladError: a folder cannot be read.
    """
    seen = set()
    for place, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        seen.add(os.path.realpath(place))
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(place, name)) not in seen)
        yield Path(place), sorted(files)


def _refuse(error: OSError) -> None:
    raise SaladError(f"{error.filename} cannot be read: {error.strerror}", "Make the folder readable.") from error
