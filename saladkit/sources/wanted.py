"""What a reader is asked to read of a source."""

from dataclasses import dataclass
from pathlib import Path

from saladkit.sources.columns import OUR_NAMES, ColumnNames, Columns


@dataclass(frozen=True)
class Wanted:
    """Columns and rows to read.

    Attributes:
        columns: which columns, under our names.
        names: what the source calls id, text and audio.
        limit: read at most this many rows.
        beside: a folder for tables that are too large for memory; None to hold them in memory anyway.
    """

    columns: Columns = Columns()
    names: ColumnNames = OUR_NAMES
    limit: int | None = None
    beside: Path | None = None

    def reads(self, column: str) -> bool:
        """Whether to read `column` where the source has it."""
        return bool(self.columns.of([column]))

    def needs(self, column: str) -> bool:
        """Whether every row must have a value of `column`."""
        return column in self.columns.needed
