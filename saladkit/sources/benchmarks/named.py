"""The table of public benchmarks, and reading one from the Hub or from a copied folder.

To add a benchmark, give it a row in `BENCHMARKS`, with a task of lm-evaluation-harness or a function that makes a
question of a row.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.sources.benchmarks.harness_tasks import HarnessTask, story_cloze_as_on_hub
from saladkit.sources.benchmarks.mmsu import mmsu
from saladkit.sources.benchmarks.voicebench import voicebench


@dataclass(frozen=True)
class Benchmark:
    """One data set.

    Attributes:
        title: the full name.
        hub: the name on the Hub, and `configuration` the configuration there.
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
    questions: list[dict] = []
    for split in source.splits:
        rows = (_read_folder(source.folder, source, split) if source.folder else _read_hub(source, split))[:limit]
        rows = [row | {"row": number, "split": split, "folder": source.folder} for number, row in enumerate(rows)]
        prefix = f"{split}/" if len(source.splits) > 1 else ""
        first = len(questions)
        try:
            for question in _questions(source.benchmark, rows):
                questions.append(question | {"id": f"{prefix}{question['id']}"})
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise SaladError(
                f"row {len(questions) - first} of {source.name}, {split}, is not as {source.benchmark.hub} has them:"
                f" {error!r}",
                "Give the data set's own files, unchanged.",
            ) from error
    return pa.Table.from_pylist(questions) if questions else pa.table({"id": pa.array([], pa.string())})


def _questions(benchmark: Benchmark, rows: list[dict]) -> Iterable[dict]:
    reader = benchmark.reader
    return reader.questions(rows) if isinstance(reader, HarnessTask) else map(reader, rows)


def _read_folder(copied: str, source: NamedSource, split: str) -> list[dict]:
    folder = Path(copied)
    part = folder / (source.benchmark.configuration or "")
    folder = part if part.is_dir() else folder
    patterns = [f"{split}*", *source.benchmark.files.get(split, ())]
    found = {path for pattern in patterns for path in folder.rglob(pattern) if path.suffix in READERS}
    files = sorted(found)
    if not files:
        raise SaladError(
            f"{folder} holds no file {' or '.join(patterns)} ({', '.join(READERS)})",
            f"Copy the files of {source.benchmark.hub} ({_part(source)}) there.",
        )
    try:
        tables = [READERS[path.suffix](path) for path in files]
    except (pa.ArrowException, OSError) as error:
        raise SaladError(f"{folder}: a file cannot be read: {error}", "Copy the file there again.") from error
    return [row for table in tables for row in table.to_pylist()]


def _read_hub(source: NamedSource, split: str) -> list[dict]:
    import datasets

    benchmark = source.benchmark
    try:
        rows = datasets.load_dataset(benchmark.hub, benchmark.configuration, split=split)
    except Exception as error:  # the Hub client raises many kinds: not found, offline, gated, damaged
        raise SaladError(
            f"{benchmark.title} ({benchmark.hub}, {_part(source)}, {split}) is not in the Hugging Face cache and could"
            f" not be downloaded: {type(error).__name__}: {' '.join(str(error).split())[:200]}",
            f"{benchmark.by_hand or _download(benchmark)}, and give {source.name}=FOLDER.",
        ) from error
    for column, feature in rows.features.items():
        if isinstance(feature, datasets.Audio):
            rows = rows.cast_column(column, datasets.Audio(decode=False))
    return rows.to_list()


def _download(benchmark: Benchmark) -> str:
    line = f"hf download {benchmark.hub} --repo-type dataset --local-dir FOLDER"
    return f"Where there is a network run `{line}`, copy FOLDER here"


def _part(source: NamedSource) -> str:
    return source.benchmark.configuration or "all of it"
