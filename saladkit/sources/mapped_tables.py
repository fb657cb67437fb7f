"""Tables too large for memory: copied once into a temporary Arrow file, mapped, and freed with its last reader."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.sources.columns import Columns

LARGE = 2_000_000_000  # bytes of the columns that are read, decoded
ROWS_AT_ONCE = 16_384
BYTES_AT_ONCE = 50_000_000
BYTES_BUFFERED = 1_000_000  # of a column; otherwise all of a row group is in memory twice


def are_large(files: list[Path], columns: Columns) -> bool:
    """Whether all files are Parquet and decode to at least `LARGE` bytes together."""
    if any(path.suffix != ".parquet" for path in files):
        return False
    try:
        return sum(_bytes_decoded(pq.ParquetFile(path), columns) for path in files) >= LARGE
    except (pa.ArrowException, OSError):
        return False  # reading the file will say what is wrong


def batches_of(path: Path, columns: Columns) -> Iterator[pa.Table]:
    """Yield a Parquet file as tables of at most `ROWS_AT_ONCE` rows, of about `BYTES_AT_ONCE` bytes or one row each.

    Raises:
        SaladError: the file is damaged.
    """
    try:
        # Without pre_buffer, as pyarrow 26 keeps its buffers until the last batch.
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=BYTES_BUFFERED)
        rows = BYTES_AT_ONCE * file.metadata.num_rows // max(1, _bytes_decoded(file, columns))
        for batch in file.iter_batches(max(1, min(rows, ROWS_AT_ONCE)), columns=columns.of(file.schema_arrow.names)):
            batch.validate(full=True)  # a text may be no Unicode
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Give a complete Parquet file.") from error


def _bytes_decoded(file: pq.ParquetFile, columns: Columns) -> int:
    wanted = columns.of(file.schema_arrow.names)
    below = tuple(f"{name}." for name in wanted)
    groups = map(file.metadata.row_group, range(file.num_row_groups))
    stored = (group.column(index) for group in groups for index in range(group.num_columns))
    read = (column for column in stored if column.path_in_schema in wanted or column.path_in_schema.startswith(below))
    return sum(column.total_uncompressed_size for column in read)


def hold_tables(tables: Iterator[pa.Table], folder: Path | None, large: int | None = None) -> pa.Table | None:
    """Join tables in memory, or by `map_tables` if they are large and there is a folder; None if there are no tables.

    Args:
        large: bytes from which on tables are mapped; by default `LARGE`.

    Raises:
        SaladError: as `map_tables`.
    """
    held: list[pa.Table] = []
    size = 0
    for table in tables:
        held.append(table)
        size += table.nbytes
        if folder is not None and size >= (LARGE if large is None else large):
            return map_tables(chain(_taken(held), tables), folder)
    return pa.concat_tables(held) if held else None


def _taken(held: list[pa.Table]) -> Iterator[pa.Table]:
    """Yield the tables and let go of each, so that it is not in memory while others are written."""
    while held:
        yield held.pop(0)


def map_tables(tables: Iterable[pa.Table], folder: Path) -> pa.Table:
    """Join tables, at least one, in a file of `folder` and map it; the file has no name and is freed with the table.

    Raises:
        SaladError: a table has other columns than the first, or the folder has no room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".mapped-") as file:
            tables = iter(tables)
            first = next(tables)
            with pa.ipc.new_file(file, first.schema) as writer:
                for table in chain([first], tables):
                    if table.schema != first.schema:
                        raise SaladError(
                            "some files have other columns than the first", "Write all files with the same columns."
                        )
                    writer.write_table(table)
            file.flush()
            pa.default_memory_pool().release_unused()  # otherwise the pool keeps what the largest table took
            return pa.ipc.open_file(pa.memory_map(file.name)).read_all()
    except OSError as error:
        raise SaladError(
            f"{folder} has no room for a temporary copy of the samples: {error}",
            "Make room on the disk, or give -o a folder on another disk.",
        ) from error
