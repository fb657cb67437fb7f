"""What to read of a source, as its readers are told."""

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

    @property
    def audio(self) -> bool:
        """Whether to read audio."""
        return bool(self.columns.of(["audio"]))

    @property
    def text(self) -> bool:
        """Whether to read texts."""
        return bool(self.columns.of(["text"]))

    @property
    def words(self) -> bool:
        """Whether to read words with their times."""
        return bool(self.columns.of(["words"]))

    @property
    def need_text(self) -> bool:
        """Whether every row must have a text."""
        return "text" in self.columns.needed
