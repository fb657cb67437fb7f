"""Rows of a benchmark as they are published, in batches, with their recordings left where they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.sources.benchmarks.copied_folder import CopiedFolder, read_batches, stored_columns
from saladkit.sources.benchmarks.named import NamedSource
from saladkit.sources.columns import Columns
from saladkit.sources.hub import read_hub

ROWS_AT_ONCE = 1024  # of a mapped data set


@dataclass(frozen=True)
class PublishedRows:
    """Some rows.

    Attributes:
        rows: their columns but recordings; a stored recording's file name stands under its column.
        recordings: the recordings of the rows, a slice of the batch that was read; None if they are not stored here.
    """

    rows: list[dict]
    recordings: pa.Array | None


def published_rows(
    source: NamedSource, folder: CopiedFolder | None, split: str, with_recordings: bool
) -> Iterator[PublishedRows]:
    """Yield the rows of one split, with their recordings if `with_recordings` or if they name the questions.

    Raises:
        SaladError: the data set is not in the folder, or not in the cache and cannot be downloaded; a file is damaged.
    """
    recording = source.benchmark.recording if with_recordings or source.benchmark.questions else None
    if folder is None:
        table = _on_hub(source, split)
        for batch in table.select(_read_columns(table.schema, recording)).to_batches(max_chunksize=ROWS_AT_ONCE):
            yield _apart(batch, recording)
        return
    for path in folder.tables(split):
        stored = stored_columns(path)
        columns = Columns(optional=tuple(_read_columns(stored, recording))) if stored else Columns()
        for rows in read_batches(path, columns):
            if isinstance(rows, list):
                yield PublishedRows(rows, None)
            else:
                yield from (_apart(batch, recording) for batch in rows.to_batches())


def _on_hub(source: NamedSource, split: str) -> pa.Table:
    benchmark, only = source.benchmark, source.benchmark.split_of_each
    return read_hub(
        benchmark.hub,
        only or split,
        split if only else benchmark.configuration,
        title=f"{benchmark.title} ({benchmark.hub}, {source.part(split)}, {only or split})",
        fix=source.how_to_get,
    )


def _read_columns(schema: pa.Schema, recording: str | None) -> list[str]:
    """Return the columns to read: all but recordings other than `recording`."""
    return [field.name for field in schema if field.name == recording or not _holds_recordings(field.type)]


def _holds_recordings(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {"bytes", "array"} & {field.name for field in kind} != set()


def _apart(batch: pa.RecordBatch, recording: str | None) -> PublishedRows:
    """Take the recordings of a batch apart from the other columns."""
    if recording not in batch.schema.names or not _holds_recordings(batch.schema.field(recording).type):
        return PublishedRows(batch.to_pylist(), None)
    recordings = batch.column(recording)
    stored = {field.name for field in recordings.type}
    if "bytes" not in stored:
        raise SaladError(
            f"the column '{recording}' holds decoded audio ({', '.join(sorted(stored))})",
            "Give the data set's own files, whose audio is encoded.",
        )
    rows = batch.drop_columns([recording]).to_pylist()
    names = pc.struct_field(recordings, "path").to_pylist() if "path" in stored else [None] * len(rows)
    return PublishedRows([row | {recording: name} for row, name in zip(rows, names, strict=True)], recordings)
