"""Samples: rows of text, usually with the speech that says it, and the times of its words.

Read from a samples artefact, a `.parquet` or `.jsonl` file, a glob of them, the name of a Hugging Face data set
(`owner/name` or `owner/name:split`), the name of a public benchmark (`sources/benchmarks/named.py`), or as other tools
lay recordings and texts out (`sources/foreign/`): manifests of NeMo and Lhotse, `audiofolder`, Common Voice, plain
folders. Every reader gets one table with an `id`, whatever the source called it. Further columns are kept by `select`
and `synth`. The `path` of audio may name a stretch of a file (`sources/stretches.py`).

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

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
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
LEFT_OUT = "left-out.jsonl"


def is_text(kind: pa.DataType) -> bool:
    """Whether it is one of the types that strings are stored as; pandas writes `large_string`."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def as_our_types(table: pa.Table, where: str, folder: Path | None) -> pa.Table:
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
    pq.write_table(as_our_types(table, str(path), None), path, row_group_size=256, compression="zstd")


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
