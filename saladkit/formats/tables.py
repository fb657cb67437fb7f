"""Read the Parquet files of artefacts, which may be damaged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from saladkit.errors import first_line
from saladkit.formats.records import damaged


def read_table(path: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Read a Parquet file, with its metadata, and check that its texts are Unicode.

    Args:
        schema: the columns to read, with their types; None for all columns as they are.

    Raises:
        SaladError: the file is damaged, or lacks a column.
    """
    with reading(path):
        table = pq.read_table(path, columns=None if schema is None else schema.names)
        return checked(table, schema)


def checked(table: pa.Table, schema: pa.Schema | None) -> pa.Table:
    """Return the columns of a schema; all columns as they are without a schema.

    Raises:
        ArrowException: a value is not of its type, such as a text that is not Unicode.
        KeyError: there is no such column.
    """
    table.validate(full=True)
    return table if schema is None else table.select(schema.names).cast(schema.with_metadata(table.schema.metadata))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of pyarrow, and of columns that are missing, into a SaladError that names the damaged file."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError) as error:
        raise damaged(path, first_line(error)) from error


def read_index(tensors: Path, schema: pa.Schema, rows: int) -> pa.Table:
    """Read the index beside a safetensors file, whose column `row` counts this many rows there.

    Raises:
        SaladError: the index is damaged.
    """
    path = tensors.with_suffix(".parquet")
    index = read_table(path, schema)
    stored = index.column("row")
    if stored.null_count or (len(stored) and not 0 <= pc.min(stored).as_py() <= pc.max(stored).as_py() < rows):
        raise damaged(path, f"it names rows that {tensors.name} does not have")
    return index


def read_names(path: Path) -> list[str]:
    """Read the names of the columns of a Parquet file.

    Raises:
        SaladError: the file is damaged.
    """
    with reading(path):
        return pq.read_schema(path).names
