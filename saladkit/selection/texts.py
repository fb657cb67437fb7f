"""Use an Arrow column of texts as a sequence, without converting all of it to Python strings at once."""

from collections.abc import Iterator, Sequence
from typing import overload

import pyarrow as pa

AT_ONCE = 1024


class Texts(Sequence[str]):
    """The texts of one column, in its order."""

    def __init__(self, column: pa.ChunkedArray):
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, which: int) -> str: ...

    @overload
    def __getitem__(self, which: slice) -> list[str]: ...

    def __getitem__(self, which: int | slice) -> str | list[str]:
        return self._column[which].to_pylist() if isinstance(which, slice) else self._column[which].as_py()

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self), AT_ONCE):
            yield from self._column.slice(begin, AT_ONCE).to_pylist()


def count_distinct(texts: Texts, enough: int) -> int:
    """Count the different texts; stop at `enough`."""
    seen: set[str] = set()
    for text in texts:
        seen.add(text)
        if len(seen) >= enough:
            break
    return len(seen)
