"""What a foreign source calls the columns that we need."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnNames:
    """The source's names, as `--id-column`, `--text-column` and `--audio-column` give them."""

    id: str = "id"
    text: str = "text"
    audio: str = "audio"


OUR_NAMES = ColumnNames()
