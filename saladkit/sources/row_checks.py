"""Check that every row has an id of its own and the values that are needed."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.sources.our_names import with_maker

ROWS_CHECKED_AT_ONCE = 65_536


def check_rows(table: pa.Table, where: str, needed: list[str]) -> None:
    """Check a table under our names; `needed` columns must have a value in every row.

    Raises:
        SaladError: no rows, a row without an id, an id that occurs twice, an empty text, or a missing value.
    """
    if table.num_rows == 0:
        raise SaladError(f"{where} has no rows", "Give a source with at least one row.")
    ids = table.column("id")
    if ids.null_count:
        raise SaladError(f"{where}: row {_first(ids.is_null())} has no id", "Give every row an id.")
    if pc.count_distinct(ids).as_py() < table.num_rows:
        id_, count = Counter(ids.to_pylist()).most_common(1)[0]
        raise SaladError(
            f"{where}: the id '{id_}' stands in {count} rows", "Give every row its own id: files are joined by id."
        )
    if "text" in needed:
        _check_texts(table, where)
    for column in needed:
        missing = table.column(column).is_null()
        if pc.any(missing).as_py():
            raise SaladError(
                f"{where}: row '{ids[_first(missing)]}' has no {column}",
                with_maker(f"Remove the row, or give the row its {column}.", column),
            )


def _check_texts(table: pa.Table, where: str) -> None:
    for begin in range(0, table.num_rows, ROWS_CHECKED_AT_ONCE):  # trimming copies the texts
        texts = table.column("text").slice(begin, ROWS_CHECKED_AT_ONCE)
        empty = pc.equal(pc.utf8_trim_whitespace(texts.fill_null("")), "")
        if pc.any(empty).as_py():
            id_ = table.column("id")[begin + _first(empty)]
            raise SaladError(f"{where}: row '{id_}' has an empty text", "Remove the row, or give it a text.")


def _first(marked: pa.ChunkedArray) -> int:
    """Return the number of the first row that is true."""
    return pc.index(marked, True).as_py()
