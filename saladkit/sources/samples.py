"""Read samples from any source into one table."""

import glob
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, is_artefact
from saladkit.formats.samples import SCHEMA, as_our_types
from saladkit.sources.benchmarks.named import named_source, read_benchmark
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.foreign.rows import Wanted
from saladkit.sources.mapped_tables import are_large, batches_of, map_tables
from saladkit.sources.plain_tables import Columns, read_file, read_hub, select_columns
from saladkit.sources.recognition import Reader, reader_of_file, reader_of_folder

ROWS_CHECKED_AT_ONCE = 65_536
MAKER_HINTS = {
    "audio": "`saladkit synth` speaks texts.",
    "duration": "Samples of `saladkit synth` have it.",
    "words": "`saladkit synth` and `saladkit timestamps` make word times; training takes the latter with --words.",
}


def _source_files(source: str, names: ColumnNames) -> list[tuple[Path, Reader | None]]:
    """What a source is made of, and who reads it, where that is not us."""
    if is_artefact(source):
        return [(path, None) for path in Artefact.open(source, SCHEMA).parts(".parquet")]
    path = Path(source)
    if path.is_dir() and (reader := reader_of_folder(path, names)):
        return [(path, reader)]
    if path.is_dir():
        files = sorted([*path.glob("*.parquet"), *path.glob("*.jsonl")])
    else:
        files = [path] if path.is_file() else sorted(Path(match) for match in glob.glob(source))
    return [(file, reader_of_file(file, names) if file.is_file() else None) for file in files]


def _with_our_names(table: pa.Table, stored: list[str], names: ColumnNames, where: str, columns: Columns) -> pa.Table:
    for ours, theirs in vars(names).items():
        if theirs != ours:  # a column of our name is then another one, also where the one asked for is missing
            table = table.drop_columns([ours]) if ours in table.column_names else table
            table = table.rename_columns([ours if c == theirs else c for c in table.column_names])
    for column in columns.needed:
        if column not in table.column_names:
            theirs = getattr(names, column, column)
            options = {"id": "--id-column", "text": "--text-column", "audio": "--audio-column"}
            hint = f"Name the column with {options[column]}." if column in options else "Add the column."
            raise SaladError(
                f"{where} has no column '{theirs}' (it has: {', '.join(stored)})",
                f"{hint} {MAKER_HINTS.get(column, '')}".strip(),
            )
    return table


def _check_rows(table: pa.Table, where: str, needed: list[str]) -> None:
    if table.num_rows == 0:
        raise SaladError(f"{where} has no rows", "Give a source with at least one row.")
    ids = table.column("id")
    if ids.null_count:
        raise SaladError(f"{where}: row {_first(ids.is_null())} has no id", "Give every row an id.")
    if pc.count_distinct(ids).as_py() < table.num_rows:
        id_, count = Counter(ids.to_pylist()).most_common(1)[0]
        raise SaladError(
            f"{where}: the id '{id_}' stands in {count} rows", "Make the ids unique: rows meet by id alone."
        )
    if "text" in needed:
        for begin in range(0, table.num_rows, ROWS_CHECKED_AT_ONCE):  # trimming copies
            texts = table.column("text").slice(begin, ROWS_CHECKED_AT_ONCE)
            empty = pc.equal(pc.utf8_trim_whitespace(texts.fill_null("")), "")
            if pc.any(empty).as_py():
                id_ = ids[begin + _first(empty)]
                raise SaladError(f"{where}: row '{id_}' has an empty text", "Remove the row or give it a text.")
    for column in needed:
        missing = table.column(column).is_null()
        if pc.any(missing).as_py():
            raise SaladError(
                f"{where}: row '{ids[_first(missing)]}' has no {column}",
                f"Remove the row or give it one. {MAKER_HINTS.get(column, '')}".strip(),
            )


def _first(which: pa.ChunkedArray) -> int:
    """The first row that is so."""
    return pc.index(which, True).as_py()


def _theirs(columns: Columns, names: ColumnNames) -> Columns:
    """What the source calls the columns asked for."""
    needed, optional, without = (
        None if asked is None else tuple(getattr(names, column, column) for column in asked)
        for asked in (columns.needed, columns.optional, columns.without)
    )
    return Columns(needed, optional, without)


def _read_files(
    files: list[tuple[Path, Reader | None]],
    columns: Columns,
    names: ColumnNames,
    limit: int | None,
    beside: Path | None,
) -> pa.Table:
    theirs = _theirs(columns, names)
    own = [path for path, reader in files if reader is None]

    def ours(path: Path, found: pa.Table, stored: list[str]) -> pa.Table:
        return as_our_types(_with_our_names(found, stored, names, str(path), columns), str(path), path.parent)

    if beside is not None and limit is None and len(own) == len(files) and are_large(own, theirs):
        read = (ours(path, batch, batch.column_names) for path in own for batch in batches_of(path, theirs))
        return map_tables(read, beside)
    tables = [
        _read_foreign(path, reader, columns, names, limit, beside) if reader else ours(path, *read_file(path, theirs))
        for path, reader in files
    ]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        listed = ", ".join(str(path) for path, _ in files[:3])
        raise SaladError(
            f"{listed}{', ...' if len(files) > 3 else ''} have columns of different kinds: {error}",
            "Give them one by one, or write the column alike.",
        ) from error


def _read_foreign(
    path: Path, reader: Reader, columns: Columns, names: ColumnNames, limit: int | None, beside: Path | None
) -> pa.Table:
    asked = columns.of(["audio", "text", "words"])
    read = {column: column in asked for column in ("audio", "text", "words")}
    found = reader(path, Wanted(names, **read, need_text="text" in columns.needed, limit=limit, beside=beside))
    table, stored = select_columns(found.table, _theirs(columns, found.names))
    return as_our_types(_with_our_names(table, stored, found.names, str(path), columns), str(path), None)


def read_samples(
    source: str | Path,
    *,
    needed: list[str],
    optional: list[str] | None = None,
    without: Iterable[str] = (),
    lacking: Iterable[str] = (),
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    beside: str | Path | None = None,
) -> pa.Table:
    """Read samples from any source into one table, in the source's order.

    Args:
        source: artefact, file, glob, foreign manifest or folder, benchmark or Hugging Face data set name.
        needed: columns that must be there and have a value in every row (`id` always is needed).
        lacking: those of them that rows may have no value of.
        optional: columns to read where they are present; None reads every column there is, but those of `without`.
        limit: at most so many rows.
        beside: a folder that is going to be made: what is large stands in a file beside it, not in memory.

    Raises:
        SaladError: unreadable source, missing column or value, no rows, duplicate ids, empty text.
    """
    source, needed = str(source), ["id", *[c for c in needed if c != "id"]]
    columns = Columns(tuple(needed), None if optional is None else tuple(optional), tuple(without))
    benchmark = named_source(source)
    files = [] if benchmark else _source_files(source, names)
    if benchmark:
        found, stored = select_columns(read_benchmark(benchmark, limit), columns)
        table = as_our_types(_with_our_names(found, stored, OUR_NAMES, source, columns), source, None)
    elif files:
        table = _read_files(files, columns, names, limit, None if beside is None else Path(beside).parent)
    elif not Path(source).exists() and re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.\[\]%-]+)?", source):
        found, stored = read_hub(source, _theirs(columns, names))
        table = as_our_types(_with_our_names(found, stored, names, source, columns), source, None)
    else:
        raise SaladError(
            f"{source} holds no samples",
            "Give an artefact, a .parquet or .jsonl file, a NeMo or Lhotse manifest, a folder of recordings, a glob or"
            " owner/name.",
        )
    if limit is not None:
        table = table.slice(0, limit)
    _check_rows(table, source, [column for column in needed if column not in lacking])
    return table


def check_ids_distinct(tables: list[tuple[str, pa.Table]]) -> None:
    """Raise a SaladError if an id stands in more than one of several (source, table) pairs."""
    seen: dict[str, str] = {}
    for source, table in tables:
        for id_ in table.column("id").to_pylist():
            if id_ in seen:
                raise SaladError(
                    f"the id '{id_}' stands in {seen[id_]} and in {source}",
                    "Make the ids unique: rows meet by id alone.",
                )
            seen[id_] = source
