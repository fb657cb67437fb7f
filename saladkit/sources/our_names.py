"""Give the columns of a source our names, and say how to get a column that is missing."""

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.sources.columns import ColumnNames, Columns

_OPTIONS = {"id": "--id-column", "text": "--text-column", "audio": "--audio-column"}
_MAKERS = {
    "audio": "`saladkit synth` makes audio from text.",
    "duration": "`saladkit synth` writes durations.",
    "words": "`saladkit synth` and `saladkit timestamps` write word times; training reads the latter's with --words.",
}


def with_our_names(table: pa.Table, names: ColumnNames, columns: Columns, where: str, stored: list[str]) -> pa.Table:
    """Return the table with id, text and audio under our names.

    Args:
        where: the source, for errors.
        stored: all columns of the source, for errors; the table may hold only some of them.

    Raises:
        SaladError: a needed column is missing.
    """
    for ours, theirs in vars(names).items():
        if theirs != ours:  # a column of our name then means something else, even where `theirs` is missing
            table = table.drop_columns([ours]) if ours in table.column_names else table
            table = table.rename_columns([ours if c == theirs else c for c in table.column_names])
    for column in columns.needed:
        if column not in table.column_names:
            hint = f"Name the column with {_OPTIONS[column]}." if column in _OPTIONS else "Add the column."
            raise SaladError(
                f"{where} has no column '{getattr(names, column, column)}' (it has: {', '.join(stored)})",
                with_maker(hint, column),
            )
    return table


def with_maker(hint: str, column: str) -> str:
    """Return the hint, followed by the command that makes such a column, if there is one."""
    return f"{hint} {_MAKERS.get(column, '')}".strip()
