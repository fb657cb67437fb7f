"""Tables too large for memory: copied once into a file of Arrow's own, which is mapped, and gone when nobody reads."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError

LARGE = 2_000_000_000  # bytes of what is read, decoded
ROWS_AT_ONCE = 16_384


def are_large(files: list[Path], columns: list[str] | None) -> bool:
    """Whether files are Parquet and decode to so much that they are better mapped (columns: None for all)."""
    if any(path.suffix != ".parquet" for path in files):
        return False
    size = 0
    for path in files:
        try:
            about = pq.ParquetFile(path).metadata
        except (pa.ArrowException, OSError):
            return False  # whoever reads it says what is wrong
        for group in map(about.row_group, range(about.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                if columns is None or column.path_in_schema.split(".")[0] in columns:
                    size += column.total_uncompressed_size
    return size >= LARGE


def batches_of(path: Path, columns: list[str] | None) -> Iterator[pa.Table]:
    """A Parquet file in tables of at most `ROWS_AT_ONCE` rows.

    Raises:
        SaladError: a file that is damaged.
    """
    try:
        file = pq.ParquetFile(path)
        wanted = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=wanted):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Give a Parquet file that is whole.") from error


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
