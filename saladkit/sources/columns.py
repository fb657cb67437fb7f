"""Columns of a source: what the user calls them, and which of them are read."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


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

    def with_messages(self) -> "Columns":
        """Return the same columns, with those of a conversation where text or audio is read: it holds both."""
        if self.optional is None or {"text", "audio"}.isdisjoint((*self.needed, *self.optional)):
            return self
        return replace(self, optional=(*self.optional, "messages", "audios", "audio_texts"))

    def called(self, names: ColumnNames) -> "Columns":
        """Return the same columns under the names of the source."""
        needed, optional, without = (
            None if asked is None else tuple(getattr(names, column, column) for column in asked)
            for asked in (self.needed, self.optional, self.without)
        )
        return Columns(needed or (), optional, without or ())

    def select(self, table: "pa.Table") -> "pa.Table":
        """Return the table with only these columns."""
        return table.select(self.of(table.column_names))
