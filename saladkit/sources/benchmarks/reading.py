"""Read the questions of a benchmark into our columns, batch by batch; recordings are passed on as they are stored."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.samples import AUDIO
from saladkit.sources.benchmarks.answers import excluded
from saladkit.sources.benchmarks.copied_folder import CopiedFolder
from saladkit.sources.benchmarks.harness_tasks import HarnessTask
from saladkit.sources.benchmarks.named import NamedSource
from saladkit.sources.benchmarks.published import PublishedRows, published_rows
from saladkit.sources.benchmarks.questions_apart import QuestionsApart
from saladkit.sources.mapped_tables import hold_tables
from saladkit.sources.wanted import Wanted

ROWS_AT_ONCE = 1024  # of a text benchmark
RECORDINGS_HELD = 200_000_000  # bytes of a copied folder's recordings in memory; more are mapped from a file
_TEXTS = ("id", "text", "lead", "trail", "cue", "reference", "domain", "speaker", "excluded")
QUESTIONS = pa.schema(
    [(name, pa.string()) for name in _TEXTS]
    + [("choices", pa.list_(pa.string())), ("answer", pa.int64()), ("letters", pa.bool_())]
)
ALWAYS = ("id", "text", "choices", "answer")  # columns that are there even if no question has a value


def read_benchmark(source: NamedSource, wanted: Wanted) -> pa.Table:
    """Read the questions of a benchmark, at most `wanted.limit`; recordings only if they are wanted.

    Raises:
        SaladError: the data set is not in the folder, or not in the cache and cannot be downloaded; a row has another
            shape, or its recording is not there; lm-evaluation-harness is needed and is not installed.
    """
    folder = CopiedFolder(source, source.folder) if source.folder else None
    splits = folder.splits() if folder else source.splits
    tables = chain.from_iterable(_SplitReader(source, folder, split, wanted).tables() for split in splits)
    # What the Hub's client has downloaded is mapped already.
    table = hold_tables(_first(tables, wanted.limit), wanted.beside if folder else None, RECORDINGS_HELD)
    if table is None:
        return pa.table({"id": pa.array([], pa.string())})
    empty = [name for name in table.column_names if table.column(name).null_count == len(table) and name not in ALWAYS]
    return table.drop_columns(empty)


def _first(tables: Iterable[pa.Table], limit: int | None) -> Iterator[pa.Table]:
    """Yield tables until they have `limit` rows together."""
    left = limit
    for table in tables:
        yield table if left is None else table.slice(0, left)
        left = None if left is None else left - len(table)
        if left is not None and left <= 0:
            return


class _SplitReader:
    """Reads one split of a benchmark."""

    def __init__(self, source: NamedSource, folder: CopiedFolder | None, split: str, wanted: Wanted) -> None:
        self.source, self.folder, self.split, self.limit = source, folder, split, wanted.limit
        self.with_recordings = source.benchmark.recording is not None and wanted.reads("audio")
        self._prefix = f"{split}/" if len(source.splits) > 1 else ""
        self._number = 0  # of the row that is read

    def tables(self) -> Iterator[pa.Table]:
        """Yield the questions, with the columns of `QUESTIONS`."""
        benchmark = self.source.benchmark
        try:
            if isinstance(benchmark.reader, HarnessTask):
                rows = [row for batch in self._batches() for row in batch.rows]
                questions = map(self._with_prefix, benchmark.reader.questions(rows))
                while some := list(islice(questions, ROWS_AT_ONCE)):
                    yield _table(some)
                return
            for batch in self._batches():
                some = [self._with_prefix(self._question(row, benchmark.reader)) for row in batch.rows]
                yield _table(some).append_column("audio", self._recordings(batch, some))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise SaladError(
                f"row {self._number} of {self.source.name}, {self.split}, is not as {benchmark.hub} publishes it:"
                f" {error!r}",
                "Give the data set's own files, unchanged.",
            ) from error

    def _batches(self) -> Iterator[PublishedRows]:
        """Yield the first `limit` rows, each with its number and split, and with its question if it lay apart."""
        benchmark, number = self.source.benchmark, 0
        apart: QuestionsApart | None = None
        for batch in published_rows(self.source, self.folder, self.split, self.with_recordings):
            if benchmark.questions and apart is None and batch.rows and "question" not in batch.rows[0]:
                apart = QuestionsApart(self.source, self.folder)
            count = len(batch.rows) if self.limit is None else min(len(batch.rows), self.limit - number)
            found = batch.rows[:count]
            rows = [apart.joined(row) for row in found] if apart else found
            yield PublishedRows(
                [row | {"split": self.split, "row": number + place} for place, row in enumerate(rows)],
                None if batch.recordings is None else batch.recordings.slice(0, count),
            )
            number += count
            if number == self.limit:
                return
        if apart and (unheard := apart.unheard()):
            yield PublishedRows(unheard, None)

    def _question(self, row: dict, reader: Callable[[dict], dict]) -> dict:
        if "excluded" in row:  # a recording without a question, or the other way round
            return {"id": str(row["id"]), "text": ""} | excluded(row["excluded"])
        question = reader(row)
        if question.get("recording") is None:
            question["recording"] = row.get(self.source.benchmark.recording)
        return question

    def _with_prefix(self, question: dict) -> dict:
        self._number += 1
        return question | {"id": f"{self._prefix}{question['id']}"}

    def _recordings(self, batch: PublishedRows, questions: list[dict]) -> pa.Array:
        """Return the recordings as they are stored, or the paths of their files; nulls if they are not wanted."""
        if not self.with_recordings:
            return pa.nulls(len(questions), AUDIO)
        if batch.recordings is not None:
            return _as_audio(batch.recordings)
        return pa.array([self._place(question.get("recording")) for question in questions], AUDIO)

    def _place(self, path: str | None) -> dict | None:
        """Return where a recording is that the data set names by its path within itself."""
        if path is None:
            return None
        if self.folder is None:
            raise SaladError(
                f"{self.source.benchmark.title} stores its recordings as files, beside the rows",
                self.source.how_to_get,
            )
        parts = [part for part in PurePosixPath(path.replace("\\", "/")).parts if part != "/"]
        if ".." in parts:
            raise ValueError(f"the path {path!r} leaves the data set")
        place = self.folder.path.joinpath(*parts)
        if not place.exists() and (packed := self.folder.packed()):
            raise SaladError(
                f"{place} is not there: the recordings are still packed in {packed}", self.source.how_to_get
            )
        return {"bytes": None, "path": str(place)}


def _table(questions: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(questions, QUESTIONS)


def _as_audio(recordings: pa.Array) -> pa.Array:
    """Return recordings with the type of ours; the same buffers, if they are stored as `datasets` stores them."""
    if recordings.type == AUDIO:
        return recordings
    fields = [pc.struct_field(recordings, field.name).cast(field.type) for field in AUDIO]
    return pa.StructArray.from_arrays(fields, fields=list(AUDIO), mask=recordings.is_null())
