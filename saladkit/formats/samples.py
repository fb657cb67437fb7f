"""Samples: rows of text, usually with its speech and the times of its words.

They are read from a samples artefact; a `.parquet`, `.jsonl` or `.arrow` file, or a folder or glob of these, such as
what `Dataset.save_to_disk` writes; the name of a data set on the Hugging Face Hub (`owner/name` or `owner/name:split`);
the name of a public benchmark (`sources/benchmarks/named.py`); or recordings and texts as other tools arrange them
(`sources/foreign/`): manifests of NeMo and Lhotse, `audiofolder`, Common Voice, plain folders. Every reader returns one
table with an `id`, whatever the source calls it. `select` and `synth` keep further columns.

Audio is a path, {bytes, path} or decoded samples {array, sampling_rate}; a relative path counts from the folder of its
table. The `path` of audio may name a stretch of a file (`sources/stretches.py`). The content of a file given by `path`
is not part of a digest, unless the source is a folder of recordings: after such a file has changed, run commands that
read it with --overwrite.

A row may have `messages` (a conversation) in place of `text`: see "messages".

Questions for `eval` need the first two of these columns, and may have the others:

- `choices` list<string>, and `answer`, the index of the right choice; an open question has neither, but a `reference`,
  the right answer in words
- `lead` and `trail`: text input before and after the question, also if the question is speech
- `cue`: text input at the end of the prompt, unless the choices are listed
- `letters`: true if the question itself lists its choices
- `choices_audio`: a recording of each choice

`select` adds why it chose a row:

- `strategy`, `region`
- `region_gap`: figure of the region in the gap table, shrunk toward the mean of all regions; `region_gap_low` and
  `region_gap_high`: confidence interval of the unshrunk figure
- `region_probability`, `text_probability`: probability that the first draw is a text of this region, and this text
- `text_score`: score of the text itself, if the strategy has one
- `draw`: position in the order in which texts were drawn
- `predicted_duration`: in s

Texts that its filters left out are listed in `left-out.jsonl`, each with `id`, `reason` and `detail`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.messages import MESSAGES
from saladkit.formats.words import Word

SCHEMA, VERSION = "samples", 1

AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])  # the storage of datasets' Audio feature
WORDS = pa.list_(
    pa.struct([("word", pa.string()), ("start", pa.float64()), ("end", pa.float64()), ("score", pa.float64())])
)
COLUMNS = {
    "id": pa.string(),
    "text": pa.string(),
    "messages": MESSAGES,
    "audio": AUDIO,
    "duration": pa.float64(),
    "speaker": pa.string(),
    "domain": pa.string(),
    "source": pa.string(),
    "words": WORDS,
    "cer": pa.float64(),
}
AUDIO_COLUMNS = ("audio", "choices_audio")  # the second has a list of recordings a row
LEFT_OUT = "left-out.jsonl"


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type holds strings; pandas writes `large_string`."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def as_our_types(table: pa.Table, where: str) -> pa.Table:
    """Cast known columns to the types of `COLUMNS`; `where` is the path of the table, for the message.

    Raises:
        SaladError: a column cannot be cast.
    """
    for column, kind in COLUMNS.items():
        if column not in table.column_names:
            continue
        index = table.column_names.index(column)
        values = table.column(column)
        try:
            table = table.set_column(index, column, values.cast(kind))
        except pa.ArrowException as error:
            raise SaladError(
                f"{where}: the column '{column}' is {values.type}, which cannot be read as {kind}",
                "See docs/formats.md for the columns of samples.",
            ) from error
    return table


def take_rows(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """Return the rows with the given indices, int [n], in that order.

    Table.take first joins the chunks of a column, which overflows for more than 2 GB of strings; this joins only the
    rows taken.
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
    """Write one part to `path`.

    Columns of `COLUMNS` come first and get the types given there; further columns are kept as they are. Relative paths
    of audio, which count from the working directory here, are written as they count from the folder of `path`.
    """
    known = [c for c in COLUMNS if c in table.column_names]
    table = table.select(known + [c for c in table.column_names if c not in COLUMNS])
    table = as_our_types(table, str(path))
    if "audio" in table.column_names:
        audio = with_paths(
            table.column("audio"), lambda file: file if os.path.isabs(file) else os.path.relpath(file, path.parent)
        )
        table = table.set_column(table.column_names.index("audio"), "audio", audio)
    # The least and the greatest of the recordings would be four more copies of an hour's audio, and nobody asks.
    compared = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    # Small row groups: a reader of audio holds one group at a time.
    pq.write_table(table, path, row_group_size=256, compression="zstd", write_statistics=compared)


def with_paths(audio: pa.ChunkedArray, moved: Callable[[str], str]) -> pa.ChunkedArray:
    """Return audio of the type `AUDIO` with `moved` of every path that is read, which is one without content."""
    return pa.chunked_array([_with_paths(chunk, moved) for chunk in audio.chunks], AUDIO)


def _with_paths(audio: pa.StructArray, moved: Callable[[str], str]) -> pa.StructArray:
    read = pc.and_(pc.and_(audio.is_valid(), audio.field("path").is_valid()), audio.field("bytes").is_null())
    if not pc.any(read).as_py():
        return audio
    places = zip(read.to_pylist(), audio.field("path").to_pylist(), strict=True)
    paths = [moved(path) if is_read else path for is_read, path in places]
    parts = [audio.field("bytes"), pa.array(paths, pa.string())]
    return pa.StructArray.from_arrays(parts, fields=list(AUDIO), mask=audio.is_null())


def iterate_rows(table: pa.Table, batch_rows: int = 64) -> Iterator[dict]:
    """Yield the rows as dicts, converted in small batches so that audio is not in memory twice."""
    for batch in table.to_batches(max_chunksize=batch_rows):
        yield from batch.to_pylist()


def row_at(table: pa.Table, place: int) -> dict:
    """Return one row as a dict; no other row of a memory-mapped table is read."""
    return table.slice(place, 1).to_pylist()[0]


def words_from_row(row: dict) -> list[Word]:
    """Return the words of a row as dataclasses."""
    return [Word(**word) for word in row["words"]]


def words_to_row(words: list[Word]) -> list[dict]:
    """Return words as they are stored."""
    return [vars(word) for word in words]
