"""Word times: when each word of a sample is spoken. They are joined to samples by `id`.

Imported words whose times cannot be used are listed in `left-out.jsonl`, each with `id`, `word` and `reason`.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, PLAN, Artefact
from saladkit.formats.records import read_record
from saladkit.formats.samples import WORDS
from saladkit.formats.tables import read_table
from saladkit.formats.words import are_words_of

SCHEMA, VERSION = "word-times", 1

COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("words", WORDS),  # the words of the text; start and end in s, both null for a word that was not aligned
        ("aligner", pa.string()),  # as given by --aligner; the kind of file, if times were imported
        ("score", pa.float64()),  # mean of the words' scores; null if the aligner has none
    ]
)


def write_word_times(rows: list[dict], path: Path) -> None:
    """Write one part; each row has `id`, `words`, `aligner` and `score`."""
    pq.write_table(pa.Table.from_pylist(rows, COLUMNS), path, compression="zstd")


def holds_word_times(path: str | Path) -> bool:
    """Return whether `path` is a word-times artefact, complete or not."""
    records = [Path(path) / name for name in (MANIFEST, PLAN)]
    return any(record.is_file() and read_record(record).get("schema") == SCHEMA for record in records)


def read_word_times(path: str | Path) -> pa.Table:
    """Read all rows of a word-times artefact.

    Raises:
        SaladError: `path` is no complete word-times artefact.
    """
    parts = Artefact.open(path, SCHEMA).parts(".parquet")
    return pa.concat_tables([read_table(part, COLUMNS) for part in parts])


def left_out_rows(path: str | Path) -> list[dict]:
    """Return the rows that have no word times at `path`, each with `id` and `reason`."""
    return Artefact.open(path, SCHEMA).manifest["skipped"]


def join_word_times(samples: pa.Table, path: str | Path) -> pa.Table:
    """Add the word times at `path` to samples as the column `words`, replacing a column of that name.

    Word times of further ids are ignored.

    Raises:
        SaladError: a row has no word times, or they belong to another text.
    """
    times = read_word_times(path)
    where = {id_: row for row, id_ in enumerate(times.column("id").to_pylist())}
    ids = samples.column("id").to_pylist()
    for id_ in ids:
        if id_ not in where:
            reasons = [f" (not aligned: {row['reason']})" for row in left_out_rows(path) if row["id"] == id_]
            raise SaladError(
                f"{path} has no word times for the row '{id_}'{''.join(reasons)}",
                "Run `saladkit timestamps` on these samples, or leave the row out.",
            )
    words = times.column("words").take(pa.array([where[id_] for id_ in ids], pa.int64()))
    if "text" in samples.column_names:
        for id_, text, row in zip(ids, samples.column("text").to_pylist(), words.to_pylist(), strict=True):
            if not are_words_of([word["word"] for word in row], text):
                raise SaladError(
                    f"{path}: the word times of the row '{id_}' belong to another text",
                    "Run `saladkit timestamps` on these samples.",
                )
    if "words" in samples.column_names:
        return samples.set_column(samples.column_names.index("words"), "words", words)
    return samples.append_column("words", words)
