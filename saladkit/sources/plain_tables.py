"""Tables as somebody stored them: a Parquet or JSON-lines file, or a data set of the Hugging Face Hub."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from saladkit.errors import SaladError


@dataclass(frozen=True)
class Columns:
    """Which columns are read, as the source calls them.

    Attributes:
        needed: these, where they are there.
        optional: and these; None for all others.
        without: those of all others that are not read.
    """

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()

    def of(self, stored: list[str]) -> list[str]:
        """Those of `stored` that are read, in its order; where they are named, in the order of their names."""
        if self.optional is None:
            return [name for name in stored if name in self.needed or name not in self.without]
        return [name for name in (*self.needed, *self.optional) if name in stored]


def read_file(path: Path, columns: Columns) -> tuple[pa.Table, list[str]]:
    """The columns asked for that there are, and the names of all that there are.

    Raises:
        SaladError: a file of another kind, or one that is damaged.
    """
    try:
        if path.suffix == ".parquet":
            stored = pq.read_schema(path).names
            return pq.read_table(path, columns=columns.of(stored)), stored
        if path.suffix == ".jsonl":
            return select_columns(_read_json_lines(path), columns)
    except (pa.ArrowException, OSError) as error:
        raise SaladError(
            f"{path} cannot be read: {error}",
            "Give a Parquet or JSON-lines file that is whole, every column of one kind in all rows.",
        ) from error
    raise SaladError(f"{path} is neither .parquet nor .jsonl", "Convert it, or give another file.")


def _read_json_lines(path: Path) -> pa.Table:
    """The table, whose strings stay strings: pyarrow makes times of columns that hold nothing but dates."""
    found = pa.json.read_json(path)
    plain = pa.schema([(field.name, _without_times(field.type)) for field in found.schema])
    if found.schema.equals(plain):
        return found
    return pa.json.read_json(path, parse_options=pa.json.ParseOptions(explicit_schema=plain))


def _without_times(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_temporal(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_without_times(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _without_times(field.type)) for field in kind])
    return kind


def select_columns(table: pa.Table, columns: Columns) -> tuple[pa.Table, list[str]]:
    """As `read_file`, of a table that has been read."""
    stored = table.column_names
    return table.select(columns.of(stored)), stored


def read_hub(name: str, columns: Columns) -> tuple[pa.Table, list[str]]:
    """As `read_file`, of `owner/name`, or `owner/name:split`; recordings are left as they are stored.

    Raises:
        SaladError: it is neither in the Hugging Face cache nor to be downloaded.
    """
    import datasets

    name, _, split = name.partition(":")
    try:
        rows = datasets.load_dataset(name, split=split or "train")
    except Exception as error:  # the Hub client raises many kinds: not found, offline, gated, damaged
        raise SaladError(
            f"no such file, and the data set {name} could not be loaded: {type(error).__name__}: {error}",
            "Check the path, or download the data set first (it is read from the Hugging Face cache).",
        ) from error
    for column, feature in rows.features.items():
        if isinstance(feature, datasets.Audio):
            rows = rows.cast_column(column, datasets.Audio(decode=False))
    return select_columns(rows.data.table, columns)
