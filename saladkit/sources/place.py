"""A path that may hold samples, listed once for all readers that are asked about it."""

import fnmatch
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.folders import walk_folders
from saladkit.sources.arrow_files import OF_A_MAP, SUFFIX, read_arrow
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.json_lines import first_object

# What libsndfile reads, and other formats that people have: their rows are read, and decoding them then fails by name.
AUDIO_SUFFIXES = frozenset(
    [".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".sph", ".w64", ".rf64"]
    + [".m4a", ".m4b", ".mp4", ".3gp", ".mka", ".aac", ".wma", ".amr", ".webm"]
)


class Place:
    """A file or a folder, and what readers want to know of it; folders are listed and files opened at first use.

    Attributes:
        path: the file or folder.
        names: what the user calls the columns id, text and audio.
    """

    def __init__(self, path: Path, names: ColumnNames = OUR_NAMES) -> None:
        self.path = path
        self.names = names

    @cached_property
    def is_folder(self) -> bool:
        """Whether the path is a folder."""
        return self.path.is_dir()

    @cached_property
    def entries(self) -> list[str]:
        """The sorted names of the files and folders in this folder; none for a file.

        Raises:
            SaladError: the folder cannot be read.
        """
        try:
            return sorted(os.listdir(self.path)) if self.is_folder else []
        except OSError as error:
            raise SaladError(f"{self.path} cannot be read: {error.strerror}", "Make the folder readable.") from error

    def matching(self, pattern: str) -> list[Path]:
        """Return the entries of the folder that match a pattern such as `*.tsv`, sorted."""
        return [self.path / name for name in fnmatch.filter(self.entries, pattern)]

    @cached_property
    def tree(self) -> list[tuple[Path, list[str]]]:
        """This folder and all folders below, each with the sorted names of its files.

        Raises:
            SaladError: a folder cannot be read.
        """
        return list(walk_folders(self.path)) if self.is_folder else []

    @cached_property
    def recordings(self) -> list[tuple[Path, list[str]]]:
        """The folders of `tree` that hold audio files, each with the names of all its files; hidden ones left out."""
        found = []
        for folder, names in self.tree:
            shown = [name for name in names if not name.startswith(".")]
            hidden = any(part.startswith(".") for part in folder.relative_to(self.path).parts)
            if not hidden and any(map(is_recording, shown)):
                found.append((folder, shown))
        return found

    @cached_property
    def first_object(self) -> dict | None:
        """The JSON object on the first line of a `.json`, `.jsonl` or `.jsonl.gz` file; None if there is none.

        Raises:
            SaladError: the file cannot be read.
        """
        return first_object(self.path) if self.is_json else None

    @property
    def is_json(self) -> bool:
        """Whether this is a file with a suffix of JSON or JSON lines."""
        return self.path.name.endswith((".json", ".jsonl", ".jsonl.gz")) and not self.is_folder

    @cached_property
    def sample_tables(self) -> list[Path]:
        """The Parquet, JSON-lines and Arrow files of this folder, if they are samples with our columns.

        Files with none of our columns are taken for samples too, for the error to say so, unless recordings lie
        beside them: then they are logs or the like.
        """
        arrow = [path for path in self.matching(f"*{SUFFIX}") if not path.name.startswith(OF_A_MAP)]
        tables = sorted([*self.matching("*.parquet"), *self.matching("*.jsonl"), *arrow])
        if any(self._has_our_columns(table) for table in tables) or not (tables and self.recordings):
            return tables
        return []

    def _has_our_columns(self, table: Path) -> bool:
        try:
            stored = _columns_of(table)
        except (pa.ArrowException, OSError):
            return True  # reading the table will say what is wrong
        return not set(vars(self.names).values()).isdisjoint(stored)


def _columns_of(table: Path) -> Iterable[str]:
    if table.suffix == ".parquet":
        return pq.read_schema(table).names
    return read_arrow(table).column_names if table.suffix == SUFFIX else first_object(table) or ()


def is_recording(name: str) -> bool:
    """Whether a file name has the suffix of an audio format."""
    return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def without_audio_suffix(name: str) -> str:
    """Return a name without the suffix of an audio format, if it has one."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in AUDIO_SUFFIXES else name
