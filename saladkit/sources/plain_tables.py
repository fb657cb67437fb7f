"""Read one Parquet, JSON-lines or Arrow file as a table."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.sources.arrow_files import SUFFIX, read_arrow
from saladkit.sources.columns import Columns
from saladkit.sources.json_lines import first_object, json_lines
from saladkit.sources.json_shape import check_shape


def read_file(path: Path, columns: Columns) -> tuple[pa.Table, list[str]]:
    """Return the chosen columns of a file, and the names of all its columns.

    Raises:
        SaladError: a file of another kind, or a damaged one.
    """
    try:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as file:  # unlike `pq.read_table`, it does not load pandas
                names = file.schema_arrow.names
                table = file.read(columns=columns.of(names))
                table.validate(full=True)  # a text may be no Unicode
                return table, names
        if path.suffix == ".jsonl":
            table = _read_json_lines(path)
            table.validate(full=True)  # pyarrow 26 loses objects of a list that begins with null
            return columns.select(table), table.column_names
        if path.suffix == SUFFIX:
            stored = read_arrow(path)
            table = columns.select(stored)
            table.validate(full=True)  # offsets and texts are as they lie in the file
            return table, stored.column_names
    except (pa.ArrowException, OSError) as error:
        raise SaladError(
            f"{path} cannot be read: {error}",
            "Give a complete Parquet, JSON-lines or Arrow file in which each column has one type in all rows.",
        ) from error
    raise SaladError(
        f"{path} is neither .parquet nor .jsonl nor {SUFFIX}", "Convert the file to Parquet or JSON lines."
    )


def _read_json_lines(path: Path) -> pa.Table:
    """Return the table with dates as strings, as they are written; pyarrow turns columns of dates into timestamps."""
    check_shape(path)
    try:
        return _with_dates_as_strings(lambda: path)
    except pa.ArrowInvalid:  # as of contents that are texts in some turns and lists of parts in others
        if "messages" not in (first_object(path) or {}):
            raise
        return _with_dates_as_strings(_with_contents_as_lists(path))


def _with_contents_as_lists(path: Path) -> Callable[[], BytesIO]:
    """Return the lines of a file with each content that is a text as a list of one part: a column has one type."""
    rows = []
    for _, row in json_lines(path):
        turns = row.get("messages")
        for turn in turns if isinstance(turns, list) else ():
            if isinstance(turn, dict) and isinstance(turn.get("content"), str):
                turn["content"] = [{"type": "text", "text": turn["content"]}]
        rows.append(json.dumps(row))
    content = "\n".join(rows).encode()
    return lambda: BytesIO(content)


def _with_dates_as_strings(source: Callable[[], Path | BytesIO]) -> pa.Table:
    found = pa.json.read_json(source())
    plain = pa.schema([(field.name, _without_times(field.type)) for field in found.schema])
    if found.schema.equals(plain):
        return found
    return pa.json.read_json(source(), parse_options=pa.json.ParseOptions(explicit_schema=plain))


def _without_times(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_temporal(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_without_times(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _without_times(field.type)) for field in kind])
    return kind
