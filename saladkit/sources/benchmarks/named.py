"""Public benchmarks: where they are published, which splits are asked, and how their rows are read as questions."""

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
from saladkit.sources.benchmarks import public_rows
from saladkit.sources.hub import read_hub

ROWS_AT_ONCE = 256  # whose recordings may be in memory twice


@dataclass(frozen=True)
class Benchmark:
    """One data set.

    Attributes:
        title: its full name.
        hub: its name on the Hub.
        configuration: the part of it that is read, as the Hub names it; None for all of it.
        splits: the splits whose questions are asked.
        solved: the split for few-shot examples and for the choice of a template; None if it publishes none.
        as_question: turns a published row into a question with our columns.
        files: further file patterns of a split in a copied folder.
        by_hand: how to get the files where the Hub does not have them.
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
    """Return a CSV file as a table of strings; it may be in UTF-8 or in Windows-1252."""
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
    """A benchmark, as `NAME`, `NAME=FOLDER`, `NAME:SPLIT` or `NAME=FOLDER:SPLIT` names it."""

    name: str
    benchmark: Benchmark
    folder: str | None
    splits: tuple[str, ...]

    @property
    def solved(self) -> str | None:
        """The source of the benchmark's solved questions; None if it publishes none."""
        split = self.benchmark.solved
        return split and f"{self.name}{f'={self.folder}' if self.folder else ''}:{split}"


def named_source(source: str) -> NamedSource | None:
    """Return the benchmark that `source` names; None for other names, and for every path that exists."""
    found = _SOURCE.fullmatch(source)
    if found is None or found["name"] not in BENCHMARKS or Path(source).exists():
        return None
    benchmark = BENCHMARKS[found["name"]]
    splits = (found["split"],) if found["split"] else benchmark.splits
    return NamedSource(found["name"], benchmark, found["folder"], splits)


def read_benchmark(source: NamedSource) -> pa.Table:
    """Return the questions of all splits, with our columns.

    Raises:
        SaladError: the benchmark is neither in the folder nor in the cache and cannot be downloaded, or a row has not
            the columns that the benchmark publishes.
    """
    questions = chain.from_iterable(_questions(source, split) for split in source.splits)
    tables = []
    while batch := list(islice(questions, ROWS_AT_ONCE)):
        tables.append(pa.Table.from_pylist(batch))
    if not tables:
        return pa.table({"id": pa.array([], pa.string())})
    return pa.concat_tables(tables, promote_options="permissive")


def _questions(source: NamedSource, split: str) -> Iterator[dict]:
    tables = _read_folder(source, split) if source.folder else [_read_hub(source, split)]
    rows = chain.from_iterable(iterate_rows(table) for table in tables)
    for number, row in enumerate(rows):
        try:
            question = source.benchmark.as_question(row | {"row": number, "split": split, "folder": source.folder})
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise SaladError(
                f"row {number} of {source.name}, {split}, is not as {source.benchmark.hub} publishes it: {error!r}",
                "Give the data set's own files, unchanged.",
            ) from error
        several = len(source.splits) > 1
        yield question | {"id": f"{split}/{question['id']}" if several else question["id"]}


def _read_folder(source: NamedSource, split: str) -> list[pa.Table]:
    folder = Path(source.folder or "")
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
        return [READERS[path.suffix](path) for path in files]
    except (pa.ArrowException, OSError) as error:
        raise SaladError(f"{folder}: a file cannot be read: {error}", "Copy the file there again.") from error


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
    return source.benchmark.configuration or "all of it"
