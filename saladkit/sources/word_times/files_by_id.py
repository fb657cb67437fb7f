"""Tools that write one file a recording: which of a folder's files is that of an id."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from saladkit.errors import SaladError


def file_name(id_: str, suffix: str) -> str:
    """The name of the file of an id: no character of it means something to a file system."""
    return quote(id_, safe="") + suffix


def files_by_id(path: Path, suffix: str) -> Callable[[str], Path | None]:
    """A function that finds an id's file: one whose path below the folder `path` is the id, or whose name is.

    The suffix is left off both, in any case; names may be percent-escaped, as `file_name` does. `path` may also be a
    single file. The function gives None for an id without a file, and raises a SaladError where several have its name.

    Raises:
        SaladError: not one file with this suffix.
    """
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    else:
        files = [path]
    files = [file for file in files if file.name.lower().endswith(suffix.lower())]
    if not files:
        raise SaladError(f"{path} has no {suffix} file", "Give the file or folder that holds the word times.")
    root = path if path.is_dir() else path.parent
    by_path = {file.relative_to(root).as_posix()[: -len(suffix)]: file for file in files}
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.name[: -len(suffix)], []).append(file)

    def find(id_: str) -> Path | None:
        for name in (file_name(id_, ""), id_):
            if name in by_path:
                return by_path[name]
            named = by_name.get(name, [])
            if len(named) > 1:
                raise SaladError(
                    f"{named[0]} and {named[1]} are both named after the row", "Make ids of paths below the folder."
                )
            if named:
                return named[0]
        return None

    return find
