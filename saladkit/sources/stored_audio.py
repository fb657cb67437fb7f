"""A recording of a table, left where it is stored until somebody reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


class StoredAudio(Mapping[str, Any]):
    """The `audio` of one row, `bytes` and `path`, read from its column at each access; empty if the row has none.

    A list of rows with these holds no recording, where a list of plain dicts would hold all.
    """

    def __init__(self, column: pa.ChunkedArray, place: int) -> None:
        self._column = column
        self._place = place

    def __getitem__(self, key: str) -> Any:
        """Return `bytes` or `path`.

        Raises:
            KeyError: another key, or the row has no audio.
        """
        if key not in list(self):
            raise KeyError(key)
        return pc.struct_field(self._row(), key)[0].as_py()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter([field.name for field in self._column.type] if len(self) else [])

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._column.type.num_fields if self._row().null_count == 0 else 0

    def _row(self) -> pa.ChunkedArray:
        return self._column.slice(self._place, 1)
