"""Columns of a source: what the user calls them, which of them are read, and how they get our names."""

from dataclasses import dataclass

import pyarrow as pa

from saladkit.errors import SaladError

_OPTIONS = {"id": "--id-column", "text": "--text-column", "audio": "--audio-column"}
_MAKERS = {
    "audio": "`saladkit synth` makes audio from text.",
    "duration": "`saladkit synth` writes durations.",
    "words": "`saladkit synth` and `saladkit timestamps` write word times; training reads the latter's with --words.",
}


@dataclass(frozen=True)
class ColumnNames:
    """What the source calls three columns: --id-column, --text-column and --audio-column."""

    id: str = "id"
    text: str = "text"
    audio: str = "audio"


OUR_NAMES = ColumnNames()


@dataclass(frozen=True)
class Columns:
    """Which columns to read.

    Attributes:
        needed: columns that must exist.
        optional: columns to read where they exist; None for all other columns.
        without: columns to leave out where `optional` is None.
    """

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()

    def of(self, stored: list[str]) -> list[str]:
        """Return the columns among `stored` to read: in stored order, or in ours if `optional` names them."""
        if self.optional is None:
            return [name for name in stored if name in self.needed or name not in self.without]
        return [name for name in (*self.needed, *self.optional) if name in stored]

    def called(self, names: ColumnNames) -> "Columns":
        """Return the same columns under the names of the source."""
        needed, optional, without = (
            None if asked is None else tuple(getattr(names, column, column) for column in asked)
            for asked in (self.needed, self.optional, self.without)
        )
        return Columns(needed or (), optional, without or ())

    def select(self, table: pa.Table) -> pa.Table:
        """Return the table with only these columns."""
        return table.select(self.of(table.column_names))


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
