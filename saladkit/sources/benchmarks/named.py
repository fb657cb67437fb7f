"""The table of public benchmarks, and sources that name one.

To add a benchmark, give it a row in `BENCHMARKS`, with a task of lm-evaluation-harness or a function that makes a
question of a row.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from saladkit.sources.benchmarks import voicebench
from saladkit.sources.benchmarks.big_bench_audio import big_bench_audio
from saladkit.sources.benchmarks.harness_tasks import HarnessTask, story_cloze_as_on_hub
from saladkit.sources.benchmarks.mmsu import mmsu, mmsu_lettered
from saladkit.sources.benchmarks.speech_mmlu import SUBJECTS, speech_mmlu
from saladkit.sources.benchmarks.spoken_swag import spoken_swag


@dataclass(frozen=True)
class Benchmark:
    """One data set.

    Attributes:
        title: the full name.
        hub, configuration: the name on the Hub, and the configuration to read; None for the default.
        splits: the splits that are evaluated.
        solved: the split of few-shot examples, and of the questions that a template is chosen on; None: it has none.
        reader: a task of lm-evaluation-harness, or a function from one row to one question.
        recording: the column of the recordings; None for a text benchmark.
        files: further patterns of a split's files in a copied folder whose files are not named after the split.
        split_of_each: the one split of data sets whose `splits` are configurations on the Hub; None for others.
        questions: a file of the data set with the questions of recordings that lie apart, joined by the file's stem.
        by_hand: how to get files that the Hub does not have, or has packed.
    """

    title: str
    hub: str
    configuration: str | None
    splits: tuple[str, ...]
    solved: str | None
    reader: HarnessTask | Callable[[dict], dict]
    recording: str | None = None
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    split_of_each: str | None = None
    questions: str | None = None
    by_hand: str | None = None


_MMLU_PRO = (
    *("law", "engineering", "other", "biology", "business", "economics"),
    *("health", "philosophy", "psychology", "history", "chemistry", "physics"),
)
_ACCENTS = ("aus", "gbr", "ind_n", "ind_s", "irl", "kenya", "nga", "nzl", "phl", "usa", "zaf")
_VOICEBENCH = "hlt-lab/voicebench"


def _arc(configuration: str) -> Benchmark:
    name = configuration.lower().replace("-", "_")
    reader = HarnessTask(name, "arc", "question")
    return Benchmark(configuration, "allenai/ai2_arc", configuration, ("test",), "validation", reader)


BENCHMARKS = {
    "storycloze": Benchmark(
        "StoryCloze",
        "MoE-UNC/story_cloze",
        None,
        ("test",),
        "validation",
        HarnessTask(
            "storycloze_2016", "storycloze", None, lambda row: row["story_id"], as_on_hub=story_cloze_as_on_hub
        ),
        files={"test": ("cloze_test_test__spring2016*",), "validation": ("cloze_test_val__spring2016*",)},
        by_hand="Run `hf download MoE-UNC/story_cloze --repo-type dataset --local-dir FOLDER` on a machine with a"
        " network, or ask for the CSV files at cs.rochester.edu/nlp/rocstories and put them into a FOLDER",
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
    "arc_challenge": _arc("ARC-Challenge"),
    "arc_easy": _arc("ARC-Easy"),
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
        "VoiceBench OpenBookQA", _VOICEBENCH, "openbookqa", ("test",), None, voicebench.multiple_choice, "audio"
    ),
    "voicebench_mmsu": Benchmark(
        "VoiceBench MMSU (spoken MMLU-Pro)", _VOICEBENCH, "mmsu", _MMLU_PRO, None, voicebench.multiple_choice, "audio"
    ),
    "voicebench_bbh": Benchmark(
        "VoiceBench BBH (spoken BIG-Bench Hard)", _VOICEBENCH, "bbh", ("test",), None, voicebench.reasoning, "audio"
    ),
    "voicebench_sd_qa": Benchmark(
        "VoiceBench SD-QA (questions in eleven accents)",
        _VOICEBENCH,
        "sd-qa",
        _ACCENTS,
        None,
        voicebench.open_answers,
        "audio",
    ),
    "mmsu": Benchmark(
        "MMSU (Massive Multi-task Spoken Language Understanding and Reasoning Benchmark)",
        "ddwang2000/MMSU",
        None,
        ("train",),
        None,
        mmsu,
        "audio",
        files={"train": ("mmsu.jsonl",)},
        questions="question/mmsu.jsonl",
    ),
    "mmsu_lettered": Benchmark(
        "MMSU as lmms-eval reads it (ngqtrung/mmsu)", "ngqtrung/mmsu", None, ("test",), None, mmsu_lettered, "audio"
    ),
    "speech_mmlu": Benchmark(
        "SpeechMMLU",
        "XiaomiMiMo/SpeechMMLU",
        None,
        SUBJECTS,
        None,
        speech_mmlu,
        "question_audio",
        split_of_each="train",
        by_hand="Run `hf download XiaomiMiMo/SpeechMMLU --repo-type dataset --local-dir FOLDER` and"
        " `tar -xf FOLDER/audio.tar.gz -C FOLDER`",
    ),
    "big_bench_audio": Benchmark(
        "Big Bench Audio",
        "ArtificialAnalysis/big_bench_audio",
        None,
        ("train",),
        None,
        big_bench_audio,
        "audio",
        files={"train": ("metadata.jsonl",)},
    ),
    "spoken_swag": Benchmark("SpokenSwag", "slprl/SpokenSwag", None, ("validation",), None, spoken_swag, "prompt"),
}

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

    @property
    def how_to_get(self) -> str:
        """What to do where the data set cannot be read."""
        return f"{self.benchmark.by_hand or self._download()}, and give {self.name}=FOLDER."

    def _download(self) -> str:
        line = f"hf download {self.benchmark.hub} --repo-type dataset --local-dir FOLDER"
        return f"On a machine with a network, run `{line}`; copy FOLDER here"

    def part(self, split: str) -> str:
        """What an error calls the files that are read."""
        return split if self.benchmark.split_of_each else self.benchmark.configuration or "default configuration"


def named_source(source: str) -> NamedSource | None:
    """Return the benchmark that `source` names, or None; an existing path is never a benchmark."""
    found = _SOURCE.fullmatch(source)
    if found is None or found["name"] not in BENCHMARKS or Path(source).exists():
        return None
    benchmark = BENCHMARKS[found["name"]]
    splits = (found["split"],) if found["split"] else benchmark.splits
    return NamedSource(found["name"], benchmark, found["folder"], splits)
