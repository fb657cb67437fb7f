"""Samples: rows of text, usually with the speech that says it, and the times of its words.

Read from a samples artefact, a `.parquet` or `.jsonl` file, a glob of them, the name of a Hugging Face data set
(`owner/name` or `owner/name:split`), or the name of a public benchmark (`formats/benchmarks/named.py`). Every reader
gets one table with an `id`, whatever the source called it. Further columns are kept by `select` and `synth`.

Questions for `eval` have `choices` list<string> and `answer`, the index of the right one. They may have `lead` and
`trail`, which are read before and after a question also where it is heard; `cue`, which is read last where options are
not listed; `letters`, true where a question lists its options itself; and `choices_audio`, a recording a choice.
`select` adds why a row was chosen: `strategy`, `region`, `region_gap` (its region's figure, drawn toward those of the
others) with `region_gap_low` and `region_gap_high`, `region_probability` and `text_probability` (of a text of this
region, and of this text, at the first draw), `text_score` (its own figure, where the strategy has one), `draw` (its
place in the order drawn) and `predicted_duration` (s). Texts that its filters left out stand in `left-out.jsonl`
beside the shards, each with `id`, `reason` and `detail`. Audio given by its path is not part of a digest:
after another file has been put there, make what was made of it anew with --overwrite.
"""

import glob
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, is_artefact
from saladkit.formats.benchmarks.named import named_source, read_benchmark
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.mapped_tables import are_large, batches_of, map_tables
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
}
ROWS_CHECKED_AT_ONCE = 65_536
LEFT_OUT = "left-out.jsonl"
MAKER_HINTS = {
    "audio": "`saladkit synth` speaks texts.",
    "duration": "Samples of `saladkit synth` have it.",
    "words": "`saladkit synth` and `saladkit timestamps` make word times; give the latter with --words.",
}


def _source_files(source: str) -> list[Path]:
    if is_artefact(source):
        return Artefact.open(source, SCHEMA).parts(".parquet")
    path = Path(source)
    if path.is_dir():
        files = sorted([*path.glob("*.parquet"), *path.glob("*.jsonl")])
    else:
        files = [path] if path.is_file() else sorted(Path(match) for match in glob.glob(source))
    return files


def _read_file(path: Path, columns: list[str] | None) -> tuple[pa.Table, list[str]]:
    """The columns asked for (None: all) that there are, and the names of all that there are."""
    try:
        if path.suffix == ".parquet":
            stored = pq.read_schema(path).names
            return pq.read_table(path, columns=None if columns is None else [c for c in columns if c in stored]), stored
        if path.suffix == ".jsonl":
            return _select(pa.json.read_json(path), columns)
    except (pa.ArrowException, OSError) as error:
        raise SaladError(
            f"{path} cannot be read: {error}", "Give a Parquet or JSON-lines file that is whole."
        ) from error
    raise SaladError(f"{path} is neither .parquet nor .jsonl", "Convert it, or give another file.")


def _select(table: pa.Table, columns: list[str] | None) -> tuple[pa.Table, list[str]]:
    stored = table.column_names
    return (table if columns is None else table.select([c for c in columns if c in stored])), stored


def _read_hub(name: str, columns: list[str] | None) -> tuple[pa.Table, list[str]]:
    import datasets

    name, _, split = name.partition(":")
    try:
        rows = datasets.load_dataset(name, split=split or "train")
    except Exception as error:  # the Hub client raises many kinds: not found, offline, gated, damaged
        raise SaladError(
            f"no such file, and the data set {name} could not be loaded: {type(error).__name__}: {error}",
            "Check the path, or download the data set first (it is read from the Hugging Face cache).",
        ) from error
    for column, feature in rows.features.items():
        if isinstance(feature, datasets.Audio):
            rows = rows.cast_column(column, datasets.Audio(decode=False))
    return _select(rows.data.table, columns)


def _with_our_names(table: pa.Table, stored: list[str], names: ColumnNames, where: str, needed: list[str]) -> pa.Table:
    for ours, theirs in vars(names).items():
        if theirs != ours:  # a column of our name is then another one, also where the one asked for is missing
            table = table.drop_columns([ours]) if ours in table.column_names else table
            table = table.rename_columns([ours if c == theirs else c for c in table.column_names])
    for column in needed:
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
        if column == "audio" and pa.types.is_string(values.type):
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


def read_samples(
    source: str | Path,
    *,
    needed: list[str],
    optional: list[str] | None = None,
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    beside: str | Path | None = None,
) -> pa.Table:
    """Read samples from any source into one table, in the source's order.

    Args:
        source: artefact, file, glob or Hugging Face data set name.
        needed: columns that must be there and have a value in every row (`id` always is needed).
        optional: columns to read where they are present; None reads every column there is.
        limit: at most so many rows.
        beside: a folder that is going to be made: what is large stands in a file beside it, not in memory.

    Raises:
        SaladError: unreadable source, missing column or value, no rows, duplicate ids, empty text.
    """
    source, needed = str(source), ["id", *[c for c in needed if c != "id"]]
    benchmark = named_source(source)
    theirs = [getattr(names, c, c) for c in [*needed, *(optional or [])]]
    columns = None if optional is None else theirs
    files = [] if benchmark else _source_files(source)
    if benchmark:
        found, stored = _select(read_benchmark(benchmark), None if optional is None else [*needed, *(optional or [])])
        table = _as_our_types(_with_our_names(found, stored, OUR_NAMES, source, needed), source, None)
    elif files:
        if beside is not None and limit is None and are_large(files, columns):
            read = ((path, (table, table.column_names)) for path in files for table in batches_of(path, columns))
        else:
            read, beside = ((path, _read_file(path, columns)) for path in files), None
        tables = (
            _as_our_types(_with_our_names(*found, names, str(path), needed), str(path), path.parent)
            for path, found in read
        )
        table = (
            pa.concat_tables(tables, promote_options="default")
            if beside is None
            else map_tables(tables, Path(beside).parent)
        )
    elif not Path(source).exists() and re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.\[\]%-]+)?", source):
        table = _as_our_types(_with_our_names(*_read_hub(source, columns), names, source, needed), source, None)
    else:
        raise SaladError(
            f"{source} holds no samples", "Give an artefact, a .parquet or .jsonl file, a glob or owner/name."
        )
    if limit is not None:
        table = table.slice(0, limit)
    _check_rows(table, source, needed)
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


def words_from_row(row: dict) -> list[Word]:
    """The words of a row, as dataclasses."""
    return [Word(**word) for word in row["words"]]


def words_to_row(words: list[Word]) -> list[dict]:
    """The words as they are stored."""
    return [vars(word) for word in words]
