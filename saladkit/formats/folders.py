"""What lies in a folder and in the folders in it, links followed."""

import os
from collections.abc import Iterator
from pathlib import Path

from saladkit.errors import SaladError


def walk_folders(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder and the names of its files, both sorted; a link that leads back is not followed.

    Raises:
        SaladError: a folder that cannot be read.
    """
    seen = set()
    for place, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        seen.add(os.path.realpath(place))
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(place, name)) not in seen)
        yield Path(place), sorted(files)


def _refuse(error: OSError) -> None:
    raise SaladError(f"{error.filename} cannot be read: {error.strerror}", "Make the folder readable.") from error
