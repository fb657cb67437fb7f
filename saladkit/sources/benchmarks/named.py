"""The table of public benchmarks, and reading one from the Hub or from a copied folder.

To add a benchmark, give it a row in `BENCHMARKS`, with a task of lm-evaluation-harness or a function that makes a
question of a row.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.samples import iterate_rows
from saladkit.sources.benchmarks.harness_tasks import HarnessTask, story_cloze_as_on_hub
from saladkit.sources.benchmarks.mmsu import mmsu
from saladkit.sources.benchmarks.voicebench import voicebench
from saladkit.sources.hub import read_hub

ROWS_AT_ONCE = 256  # rows converted at once: their recordings may be in memory twice


@dataclass(frozen=True)
class Benchmark:
    """One data set.

    Attributes:
        title: the full name.
        hub, configuration: the name on the Hub, and the configuration to read; None for the default.
        splits: the splits that are evaluated.
        solved: the split of few-shot examples, and of the questions that a template is chosen on; None: it has none.
        reader: a task of lm-evaluation-harness, or a function from one row to one question.
        files: further patterns of a split's files in a copied folder.
        by_hand: where to ask for the files, if the Hub does not have them.
    """

    title: str
    hub: str
    configuration: str | None
    splits: tuple[str, ...]
    solved: str | None
    reader: HarnessTask | Callable[[dict], dict]
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by_hand: str | None = None


_MMLU_PRO = (
    *("law", "engineering", "other", "biology", "business", "economics"),
    *("health", "philosophy", "psychology", "history", "chemistry", "physics"),
)
BENCHMARKS = {
    "storycloze": Benchmark(
        "StoryCloze",
        "LSDSem/story_cloze",
        "2016",
        ("test",),
        "validation",
        HarnessTask(
            "storycloze_2016", "storycloze", None, lambda row: row["story_id"], as_on_hub=story_cloze_as_on_hub
        ),
        {"test": ("cloze_test_test__spring2016*",), "validation": ("cloze_test_val__spring2016*",)},
        "Ask for its CSV files at cs.rochester.edu/nlp/rocstories, put them into a FOLDER",
    ),
    "hellaswag": Benchmark(
        "HellaSwag",
        "Rowan/hellaswag",
        None,
        ("validation",),
        "train",
        HarnessTask(
            "hellaswag", "hellaswag", "query", lambda row: f"{row['source_id']}/{row['ind']}", domain="activity_label"
        ),
    ),
    "arc_challenge": Benchmark(
        "ARC-Challenge",
        "allenai/ai2_arc",
        "ARC-Challenge",
        ("test",),
        "validation",
        HarnessTask("arc_challenge", "arc", "question"),
    ),
    "piqa": Benchmark(
        "PIQA",
        "baber/piqa",
        None,
        ("validation",),
        "train",
        HarnessTask("piqa", "piqa", "goal", lambda row: str(row["row"])),
    ),
    "openbookqa": Benchmark(
        "OpenBookQA",
        "allenai/openbookqa",
        "main",
        ("test",),
        "validation",
        HarnessTask("openbookqa", "openbookqa", "question_stem"),
    ),
    "voicebench_openbookqa": Benchmark(
        "VoiceBench OpenBookQA", "hlt-lab/voicebench", "openbookqa", ("test",), None, voicebench
    ),
    "voicebench_mmsu": Benchmark(
        "VoiceBench MMSU (spoken MMLU-Pro)", "hlt-lab/voicebench", "mmsu", _MMLU_PRO, None, voicebench
    ),
    "mmsu": Benchmark(
        "MMSU (Massive Multi-task Spoken Language Understanding and Reasoning Benchmark)",
        "ddwang2000/MMSU",
        None,
        ("train",),
        None,
        mmsu,
    ),
}


def _read_csv(path: Path) -> pa.Table:
    """Read a CSV file in UTF-8, or in the Windows encoding cp1252."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return pa.Table.from_pylist(list(csv.DictReader(io.StringIO(text, newline=""))))


READERS = {".parquet": pq.read_table, ".jsonl": pa.json.read_json, ".csv": _read_csv}
_SOURCE = re.compile(r"(?P<name>[a-z_]+)(=(?P<folder>[^:]+))?(:(?P<split>[\w-]+))?")


@dataclass(frozen=True)
class NamedSource:
    """A source such as `piqa`, `piqa:train` or `piqa=FOLDER`."""

    name: str
    benchmark: Benchmark
    folder: str | None
    splits: tuple[str, ...]

    @property
    def solved(self) -> str | None:
        """The source of the benchmark's solved questions, or None if it has none."""
        split = self.benchmark.solved
        return split and f"{self.name}{f'={self.folder}' if self.folder else ''}:{split}"


def named_source(source: str) -> NamedSource | None:
    """Return the benchmark that `source` names, or None; an existing path is never a benchmark."""
    found = _SOURCE.fullmatch(source)
    if found is None or found["name"] not in BENCHMARKS or Path(source).exists():
        return None
    benchmark = BENCHMARKS[found["name"]]
    splits = (found["split"],) if found["split"] else benchmark.splits
    return NamedSource(found["name"], benchmark, found["folder"], splits)


def read_benchmark(source: NamedSource, limit: int | None = None) -> pa.Table:
    """Read the questions of a benchmark into our columns, of each split the first `limit`.

    Raises:
        SaladError: the data set is not in the folder, or not in the cache and cannot be downloaded; a row has another
            shape; lm-evaluation-harness is needed and is not installed.
    """
    questions = chain.from_iterable(_questions(source, split, limit) for split in source.splits)
    tables = []
    while batch := list(islice(questions, ROWS_AT_ONCE)):
        tables.append(pa.Table.from_pylist(batch))
    if not tables:
        return pa.table({"id": pa.array([], pa.string())})
    return pa.concat_tables(tables, promote_options="permissive")


def _questions(source: NamedSource, split: str, limit: int | None) -> Iterator[dict]:
    """Yield the questions of one split, each with its id."""
    reader = source.benchmark.reader
    rows = (row | {"split": split, "folder": source.folder} for row in _rows(source, split, limit))
    questions = reader.questions(list(rows)) if isinstance(reader, HarnessTask) else map(reader, rows)
    prefix = f"{split}/" if len(source.splits) > 1 else ""
    number = 0
    try:
        for question in questions:
            yield question | {"id": f"{prefix}{question['id']}"}
            number += 1
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise SaladError(
            f"row {number} of {source.name}, {split}, is not as {source.benchmark.hub} publishes it: {error!r}",
            "Give the data set's own files, unchanged.",
        ) from error


def _rows(source: NamedSource, split: str, limit: int | None) -> Iterator[dict]:
    """Yield the first `limit` rows as they are published, each with its number."""
    tables = _read_folder(source.folder, source, split) if source.folder else [_read_hub(source, split)]
    rows = islice(chain.from_iterable(iterate_rows(table) for table in tables), limit)
    return (row | {"row": number} for number, row in enumerate(rows))


def _read_folder(copied: str, source: NamedSource, split: str) -> list[pa.Table]:
    folder = Path(copied)
    part = folder / (source.benchmark.configuration or "")
    folder = part if part.is_dir() else folder
    patterns = [f"{split}*", *source.benchmark.files.get(split, ())]
    found = {path for pattern in patterns for path in folder.rglob(pattern) if path.suffix in READERS}
    files = sorted(found)
    if not files:
        raise SaladError(
            f"{folder} holds no file {' or '.join(patterns)} ({', '.join(READERS)})",
            f"Copy the files of {source.benchmark.hub} ({_part(source)}) into {folder}.",
        )
    try:
        return [READERS[path.suffix](path) for path in files]
    except (pa.ArrowException, OSError) as error:
        raise SaladError(
            f"{folder}: a file cannot be read: {error}",
            f"Copy the files of {source.benchmark.hub} into {folder}: one of them is damaged or incomplete.",
        ) from error


def _read_hub(source: NamedSource, split: str) -> pa.Table:
    benchmark = source.benchmark
    return read_hub(
        benchmark.hub,
        split,
        benchmark.configuration,
        title=f"{benchmark.title} ({benchmark.hub}, {_part(source)}, {split})",
        fix=f"{benchmark.by_hand or _download(benchmark)}, and give {source.name}=FOLDER.",
    )


def _download(benchmark: Benchmark) -> str:
    line = f"hf download {benchmark.hub} --repo-type dataset --local-dir FOLDER"
    return f"On a machine with a network, run `{line}`; copy FOLDER here"


def _part(source: NamedSource) -> str:
    return source.benchmark.configuration or "default configuration"
