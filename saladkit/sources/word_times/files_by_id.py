"""Find and read the file of an id in the folder of a tool that writes one file a recording."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from saladkit.errors import SaladError
from saladkit.formats.words import Word


def file_name(id_: str, suffix: str) -> str:
    """Return the file name of an id, with the characters escaped that mean something to a file system."""
    return quote(id_, safe="") + suffix


def words_by_id(path: Path, suffix: str, read: Callable[[Path], list[Word]]) -> Callable[[str], list[Word] | None]:
    """Return a function from ids to the words that `read` finds in their files; None for an id without a file.

    Raises:
        SaladError: as `files_by_id`; the function raises what `read` raises too.
    """
    find = files_by_id(path, suffix)

    def words_of(id_: str) -> list[Word] | None:
        file = find(id_)
        return None if file is None else read(file)

    return words_of


def files_by_id(path: Path, suffix: str) -> Callable[[str], Path | None]:
    """Return a function that finds the file of an id: its path below the folder, or else its name, is the id.

    The suffix is left off, in lower or upper case; names may be percent-escaped, as `file_name` does.

    Args:
        path: a folder, or a single file.

    Raises:
        SaladError: there is no file with this suffix. The function returns None for an id without a file, and raises a
            SaladError where several files have its name.
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
                    f"{named[0]} and {named[1]} are both named after the row",
                    "Use the paths below the folder as ids, or give the files different names.",
                )
            if named:
                return named[0]
        return None

    return find
