"""Samples: rows of text, usually with the speech that says it, and the times of its words.

Read from a samples artefact, a `.parquet` or `.jsonl` file, a glob of them, the name of a Hugging Face data set
(`owner/name` or `owner/name:split`), the name of a public benchmark (`formats/benchmarks/named.py`), or as other tools
lay recordings and texts out (`formats/foreign/`): manifests of NeMo and Lhotse, `audiofolder`, Common Voice, plain
folders. Every reader gets one table with an `id`, whatever the source called it. Further columns are kept by `select`
and `synth`. The `path` of audio may name a stretch of a file (`formats/stretches.py`).

Questions for `eval` have `choices` list<string> and `answer`, the index of the right one. They may have `lead` and
`trail`, which are read before and after a question also where it is heard; `cue`, which is read last where options are
not listed; `letters`, true where a question lists its options itself; and `choices_audio`, a recording a choice.
`select` adds why a row was chosen: `strategy`, `region`, `region_gap` (its region's figure, drawn toward those of the
others) with `region_gap_low` and `region_gap_high`, `region_probability` and `text_probability` (of a text of this
region, and of this text, at the first draw), `text_score` (its own figure, where the strategy has one), `draw` (its
place in the order drawn) and `predicted_duration` (s). Texts that its filters left out stand in `left-out.jsonl`
beside the shards, each with `id`, `reason` and `detail`. Audio given by its path is not part of a digest, unless a
whole folder is read: after another file has been put there, make what was made of it anew with --overwrite.
"""

import glob
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, is_artefact
from saladkit.formats.benchmarks.named import named_source, read_benchmark
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.foreign.recognition import Reader, reader_of_file, reader_of_folder
from saladkit.formats.foreign.rows import Wanted
from saladkit.formats.mapped_tables import are_large, batches_of, map_tables
from saladkit.formats.plain_tables import Columns, is_text, read_file, read_hub, select_columns
from saladkit.formats.words import Word

SCHEMA, VERSION = "samples", 1

AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])  # the storage of datasets' Audio feature
WORDS = pa.list_(
    pa.struct([("word", pa.string()), ("start", pa.float64()), ("end", pa.float64()), ("score", pa.float64())])
)
COLUMNS = {
    "id": pa.string(),
    "text": pa.string(),
    "audio": AUDIO,
    "duration": pa.float64(),
    "speaker": pa.string(),
    "domain": pa.string(),
    "source": pa.string(),
    "words": WORDS,
    "cer": pa.float64(),
}
ROWS_CHECKED_AT_ONCE = 65_536
LEFT_OUT = "left-out.jsonl"
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


def _as_our_types(table: pa.Table, where: str, folder: Path | None) -> pa.Table:
    for column, kind in COLUMNS.items():
        if column not in table.column_names:
            continue
        index = table.column_names.index(column)
        values = table.column(column)
        if column == "audio" and is_text(values.type):
            root = folder or Path()
            paths = values.to_pylist()
            stored = [{"bytes": None, "path": str(root / path)} if path else None for path in paths]
            values = pa.array(stored, AUDIO)
        try:
            table = table.set_column(index, column, values.cast(kind))
        except pa.ArrowException as error:
            raise SaladError(
                f"{where}: the column '{column}' is {values.type}, which cannot be read as {kind}",
                "See docs/formats.md for the columns of samples.",
            ) from error
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
        return _as_our_types(_with_our_names(found, stored, names, str(path), columns), str(path), path.parent)

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
    return _as_our_types(_with_our_names(table, stored, found.names, str(path), columns), str(path), None)


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
        found, stored = select_columns(read_benchmark(benchmark), columns)
        table = _as_our_types(_with_our_names(found, stored, OUR_NAMES, source, columns), source, None)
    elif files:
        table = _read_files(files, columns, names, limit, None if beside is None else Path(beside).parent)
    elif not Path(source).exists() and re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.\[\]%-]+)?", source):
        found, stored = read_hub(source, _theirs(columns, names))
        table = _as_our_types(_with_our_names(found, stored, names, source, columns), source, None)
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


def take_rows(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """The rows of these numbers, in their order.

    Table.take joins the chunks of a column first, and strings of more than 2 GB overflow; here only what is taken is
    joined.
    """
    order = np.argsort(rows, kind="stable")
    ascending, pieces, begin = rows[order], [], 0
    for batch in table.to_batches():
        end = begin + batch.num_rows
        inside = ascending[np.searchsorted(ascending, begin) : np.searchsorted(ascending, end)]
        if len(inside):
            pieces.append(batch.take(pa.array(inside - begin)))
        begin = end
    back = np.empty(len(rows), dtype=np.int64)
    back[order] = np.arange(len(rows))
    return pa.Table.from_batches(pieces, table.schema).take(pa.array(back))


def write_samples(table: pa.Table, path: Path) -> None:
    """Write one shard to `path` (a path beside its place).

    Columns that the schema knows get its types, further columns are kept as they are.
    """
    known = [c for c in COLUMNS if c in table.column_names]
    table = table.select(known + [c for c in table.column_names if c not in COLUMNS])
    # Small row groups: a reader of audio holds one group at a time.
    pq.write_table(_as_our_types(table, str(path), None), path, row_group_size=256, compression="zstd")


def iterate_rows(table: pa.Table, batch_rows: int = 64) -> Iterator[dict]:
    """The rows as dicts, converted in small batches so that audio is not held twice."""
    for batch in table.to_batches(max_chunksize=batch_rows):
        yield from batch.to_pylist()


def row_at(table: pa.Table, place: int) -> dict:
    """One row as a dict; of a mapped table no other is read."""
    return table.slice(place, 1).to_pylist()[0]


def words_from_row(row: dict) -> list[Word]:
    """The words of a row, as dataclasses."""
    return [Word(**word) for word in row["words"]]


def words_to_row(words: list[Word]) -> list[dict]:
    """The words as they are stored."""
    return [vars(word) for word in words]
