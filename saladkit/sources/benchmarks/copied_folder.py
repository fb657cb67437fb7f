"""Files of a benchmark in a copied folder: Parquet, JSON lines or CSV, found by the name of a split."""

import csv
import io
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.json_text import parse_json
from saladkit.sources.benchmarks.named import NamedSource
from saladkit.sources.columns import Columns
from saladkit.sources.json_lines import json_lines
from saladkit.sources.mapped_tables import batches_of
from saladkit.sources.text_files import read_text

SUFFIXES = (".parquet", ".jsonl", ".json", ".csv")
ROWS_AT_ONCE = 256  # of files that are read row by row


class CopiedFolder:
    """A folder with files of a benchmark, listed once: it may hold a hundred thousand recordings as well."""

    def __init__(self, source: NamedSource, folder: str) -> None:
        self.source = source
        self.path = Path(folder)
        walked = os.walk(self.path)
        self._tables = sorted(Path(at) / name for at, _, names in walked for name in names if name.endswith(SUFFIXES))

    def tables(self, split: str) -> list[Path]:
        """Return the files of a split.

        Raises:
            SaladError: the folder has no file of the split.
        """
        patterns = [f"{split}*"]
        if self.source.benchmark.split_of_each:
            found = self._of_configuration(split)
        else:
            further = self.source.benchmark.files.get(split, ())
            patterns += further
            found = self._matching([f"{split}*"]) or self._matching(further)
        if not found:
            raise SaladError(
                f"{self.path} holds no file {' or '.join(patterns)} ({', '.join(SUFFIXES)})",
                f"Copy the files of {self.source.benchmark.hub} ({self.source.part(split)}) into {self.path}.",
            )
        return found

    def splits(self) -> tuple[str, ...]:
        """Return the splits to read: of configurations only those whose files are here, as a copy may be of some."""
        if not self.source.benchmark.split_of_each or len(self.source.splits) == 1:
            return self.source.splits
        return tuple(filter(self._of_configuration, self.source.splits)) or self.source.splits

    def file(self, name: str) -> Path | None:
        """Return the file that ends with the path `name`, if it is here."""
        return next((path for path in self._tables if path.match(name)), None)

    def packed(self) -> str | None:
        """Return the name of an archive that recordings are packed in, if there is one beside the files."""
        return next((path.name for path in sorted(self.path.glob("*.tar*"))), None)

    def _matching(self, patterns: list[str] | tuple[str, ...]) -> list[Path]:
        part = self.path / (self.source.benchmark.configuration or "")
        inside = [path for path in self._tables if path.is_relative_to(part)] if part.is_dir() else self._tables
        return [path for path in inside if any(fnmatch(path.name, pattern) for pattern in patterns)]

    def _of_configuration(self, name: str) -> list[Path]:
        """Return the files of a configuration: in a folder of its name, or named after it."""
        split = self.source.benchmark.split_of_each
        own = [path for path in self._tables if path.parent.name == name and fnmatch(path.name, f"{split}*")]
        patterns = (f"{name}.*", f"{name}-*", f"{name}_{split}*")
        return own or [path for path in self._tables if any(fnmatch(path.name, pattern) for pattern in patterns)]


def read_batches(path: Path, columns: Columns) -> Iterator[pa.Table | list[dict]]:
    """Yield the rows of a file in batches: of Parquet as tables of these columns, else as dicts of all.

    Raises:
        SaladError: the file cannot be read.
    """
    if path.suffix == ".parquet":
        yield from batches_of(path, columns)
        return
    try:
        rows = _READERS[path.suffix](path)
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            yield batch
    except (OSError, ValueError, csv.Error) as error:
        raise SaladError(f"{path} cannot be read: {error}", f"Copy {path.name} from the original data set.") from error


def stored_columns(path: Path) -> pa.Schema | None:
    """Return the columns of a Parquet file; None for other files.

    Raises:
        SaladError: the file is damaged.
    """
    if path.suffix != ".parquet":
        return None
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise SaladError(f"{path} cannot be read: {error}", f"Copy {path.name} from the original data set.") from error


def _csv_rows(path: Path) -> Iterator[dict]:
    return iter(csv.DictReader(io.StringIO(read_text(path, guess=True), newline="")))


def _json_rows(path: Path) -> Iterator[dict]:
    """Read a JSON file that holds one list of objects, or an object a line."""
    with open(path, encoding="utf-8-sig") as stream:
        is_list = stream.read(64).lstrip().startswith("[")
    return iter(parse_json(path.read_text("utf-8-sig"))) if is_list else _json_lines(path)


def _json_lines(path: Path) -> Iterator[dict]:
    return (row for _, row in json_lines(path))


_READERS = {".jsonl": _json_lines, ".json": _json_rows, ".csv": _csv_rows}
