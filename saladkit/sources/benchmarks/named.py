"""Where public benchmarks lie on the Hub, and which of their rows are asked."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.sources.benchmarks import public_rows


@dataclass(frozen=True)
class Benchmark:
    """One data set.

    Attributes:
        title: what it is called in full.
        hub: its name on the Hub; `configuration` is its part there.
        splits: what is asked.
        files: further patterns of a split's files in a copied folder.
        by_hand: where the files come from that the Hub does not give.
        solved: the split that examples and the choice of a template come from; None where there is none.
    """

    title: str
    hub: str
    configuration: str | None
    splits: tuple[str, ...]
    solved: str | None
    as_question: Callable[[dict], dict]
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
        public_rows.story_cloze,
        {"test": ("cloze_test_test__spring2016*",), "validation": ("cloze_test_val__spring2016*",)},
        "Ask for its CSV files at cs.rochester.edu/nlp/rocstories, put them into a FOLDER",
    ),
    "hellaswag": Benchmark("HellaSwag", "Rowan/hellaswag", None, ("validation",), "train", public_rows.hellaswag),
    "arc_challenge": Benchmark(
        "ARC-Challenge", "allenai/ai2_arc", "ARC-Challenge", ("test",), "validation", public_rows.arc
    ),
    "piqa": Benchmark("PIQA", "baber/piqa", None, ("validation",), "train", public_rows.piqa),
    "openbookqa": Benchmark(
        "OpenBookQA", "allenai/openbookqa", "main", ("test",), "validation", public_rows.openbookqa
    ),
    "voicebench_openbookqa": Benchmark(
        "VoiceBench OpenBookQA", "hlt-lab/voicebench", "openbookqa", ("test",), None, public_rows.voicebench
    ),
    "voicebench_mmsu": Benchmark(
        "VoiceBench MMSU (spoken MMLU-Pro)", "hlt-lab/voicebench", "mmsu", _MMLU_PRO, None, public_rows.voicebench
    ),
    "mmsu": Benchmark(
        "MMSU (Massive Multi-task Spoken Language Understanding and Reasoning Benchmark)",
        "ddwang2000/MMSU",
        None,
        ("train",),
        None,
        public_rows.mmsu,
    ),
}


def _read_csv(path: Path) -> pa.Table:
    """A CSV file, in UTF-8 or as old Windows programs write."""
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
    """A source that names a benchmark."""

    name: str
    benchmark: Benchmark
    folder: str | None
    splits: tuple[str, ...]

    @property
    def solved(self) -> str | None:
        """The source of its solved questions."""
        split = self.benchmark.solved
        return split and f"{self.name}{f'={self.folder}' if self.folder else ''}:{split}"


def named_source(source: str) -> NamedSource | None:
    """The benchmark that `source` names, or None: a path that exists is never one."""
    found = _SOURCE.fullmatch(source)
    if found is None or found["name"] not in BENCHMARKS or Path(source).exists():
        return None
    benchmark = BENCHMARKS[found["name"]]
    splits = (found["split"],) if found["split"] else benchmark.splits
    return NamedSource(found["name"], benchmark, found["folder"], splits)


def read_benchmark(source: NamedSource) -> pa.Table:
    """Its questions, with our columns.

    Raises:
        SaladError: it is neither in the folder nor in the cache, and cannot be downloaded; rows of another kind.
    """
    questions = []
    for split in source.splits:
        rows = _read_folder(source, split) if source.folder else _read_hub(source, split)
        for number, row in enumerate(rows):
            try:
                question = source.benchmark.as_question(row | {"row": number, "split": split, "folder": source.folder})
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                raise SaladError(
                    f"row {number} of {source.name}, {split}, is not as {source.benchmark.hub} has them: {error!r}",
                    "Give the data set's own files, unchanged.",
                ) from error
            several = len(source.splits) > 1
            questions.append(question | {"id": f"{split}/{question['id']}" if several else question["id"]})
    return pa.Table.from_pylist(questions) if questions else pa.table({"id": pa.array([], pa.string())})


def _read_folder(source: NamedSource, split: str) -> list[dict]:
    folder = Path(source.folder)
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
        raise SaladError(f"{folder}: a file cannot be read: {error}", "Copy it there again.") from error
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
