"""Tables too large for memory: copied once into a file of Arrow's own, which is mapped, and gone when nobody reads."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.sources.plain_tables import Columns

LARGE = 2_000_000_000  # bytes of what is read, decoded
ROWS_AT_ONCE = 16_384
BYTES_AT_ONCE = 200_000_000


def are_large(files: list[Path], columns: Columns) -> bool:
    """Whether files are Parquet and decode to so much that they are better mapped."""
    if any(path.suffix != ".parquet" for path in files):
        return False
    try:
        return sum(_bytes_decoded(pq.ParquetFile(path), columns) for path in files) >= LARGE
    except (pa.ArrowException, OSError):
        return False  # whoever reads it says what is wrong


def batches_of(path: Path, columns: Columns) -> Iterator[pa.Table]:
    """A Parquet file in tables of at most `ROWS_AT_ONCE` rows, and of about `BYTES_AT_ONCE` bytes or one row.

    Raises:
        SaladError: a file that is damaged.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False)  # pyarrow 26 keeps its buffers until the last batch
        rows = BYTES_AT_ONCE * file.metadata.num_rows // max(1, _bytes_decoded(file, columns))
        for batch in file.iter_batches(max(1, min(rows, ROWS_AT_ONCE)), columns=columns.of(file.schema_arrow.names)):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Give a Parquet file that is whole.") from error


def _bytes_decoded(file: pq.ParquetFile, columns: Columns) -> int:
    wanted = columns.of(file.schema_arrow.names)
    below = tuple(f"{name}." for name in wanted)
    groups = map(file.metadata.row_group, range(file.num_row_groups))
    stored = (group.column(index) for group in groups for index in range(group.num_columns))
    read = (column for column in stored if column.path_in_schema in wanted or column.path_in_schema.startswith(below))
    return sum(column.total_uncompressed_size for column in read)


def hold_tables(tables: Iterator[pa.Table], folder: Path | None) -> pa.Table | None:
    """All tables as one, mapped as by `map_tables` if they are large and there is a folder; None if there is none.

    Raises:
        SaladError: as `map_tables`.
    """
    held: list[pa.Table] = []
    size = 0
    for table in tables:
        held.append(table)
        size += table.nbytes
        if folder is not None and size >= LARGE:
            return map_tables(chain(held, tables), folder)
    return pa.concat_tables(held) if held else None


def map_tables(tables: Iterable[pa.Table], folder: Path) -> pa.Table:
    """All tables as one, mapped from a file in `folder` that has no name any more: it goes when the table does.

    Raises:
        SaladError: tables of other columns than the first, or no room in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".mapped-") as file:
            writer, schema = None, None
            for table in tables:
                if writer is None:
                    schema = table.schema
                    writer = pa.ipc.new_file(file, schema)
                if table.schema != schema:
                    raise SaladError("the files have other columns than the first", "Write all with the same columns.")
                writer.write_table(table)
            writer.close()
            file.flush()
            return pa.ipc.open_file(pa.memory_map(file.name)).read_all()
    except OSError as error:
        raise SaladError(
            f"{folder} has no room for a copy of what is read: {error}", "Give a folder on another disk."
        ) from (error)
