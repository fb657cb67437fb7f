"""Read the files of a tool that writes one file a recording."""

from collections.abc import Callable
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.word_times.matching import in_a_file_name
from saladkit.sources.word_times.named_times import NamedTimes


def file_name(id_: str, suffix: str) -> str:
    """Return the file name of an id, with the characters escaped that mean something to a file system."""
    return in_a_file_name(id_) + suffix


def words_by_id(path: Path, suffix: str, read: Callable[[Path], list[Word]]) -> NamedTimes:
    """Return the words that `read` finds in each file with `suffix`.

    Raises:
        SaladError: as `files_by_id`; reading the words of a name raises what `read` raises.
    """
    files = files_by_id(path, suffix)
    return NamedTimes(files, lambda name: read(files[name]))


def files_by_id(path: Path, suffix: str) -> dict[str, Path]:
    """Return each file with `suffix`, in lower or upper case, under its path below the folder without the suffix.

    Args:
        path: a folder, or a single file.

    Raises:
        SaladError: there is no file with this suffix.
    """
    root = path if path.is_dir() else path.parent
    files = [file for file in sorted(path.rglob("*")) if file.is_file()] if path.is_dir() else [path]
    found = {file.relative_to(root).as_posix()[: -len(suffix)]: file for file in files if _has_suffix(file, suffix)}
    if not found:
        raise SaladError(f"{path} has no {suffix} file", "Give the file or folder that holds the word times.")
    return found


def _has_suffix(file: Path, suffix: str) -> bool:
    return file.name.lower().endswith(suffix.lower())
