"""Results of `eval`: every item's prediction and every paired figure as Parquet, and lm-evaluation-harness's files.

A condition is a model that answers and a modality in which it is asked: `text`, `speech`, `cascade` (the transcript of
the speech), or `speech` with a perturbation behind it (`speech_snr10`). `MODEL/predictions-TASK_MODALITY.parquet` has
one row per item; rows of two conditions meet by `id`. `figures.parquet` has accuracies and their paired differences.
`original/transcripts-TASK_MODALITY.parquet` is what the recognizer of a cascade wrote down. `MODEL/results_MODEL.json`
and `MODEL/samples_TASK_MODALITY.jsonl` are the harness's (`formats/harness.py`), a folder a model, as it has them.
"""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.formats.artefact import Artefact

SCHEMA, VERSION = "results", 2  # 2: a model stands in every row, and what was scored

ORIGINAL = "original"  # what the text LLM is called beside the models that were made from it
FIGURES_FILE = "figures.parquet"
GAP_PARTS = ("gap", "forgetting", "misalignment", "recovery")

PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("model", pa.string()),
        ("task", pa.string()),
        ("modality", pa.string()),
        ("domain", pa.string()),
        ("speaker", pa.string()),  # null where nothing is heard
        ("held_out", pa.bool_()),  # whether no training has heard the speaker; null where nobody said
        ("text", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
        ("context", pa.string()),  # all of the prompt, in words
        ("scored", pa.list_(pa.string())),  # what was scored for each choice, behind one space
        ("log_likelihoods", pa.list_(pa.float64())),  # nats, one per choice
        ("greedy", pa.list_(pa.bool_())),  # whether each of its tokens was the likeliest
        ("acc", pa.bool_()),  # the most likely choice is right, or the one that the response names
        ("acc_norm", pa.bool_()),  # so is the most likely one per character; of a response the same as `acc`
        ("response", pa.string()),  # the answer in words, where it was generated; then nothing was scored
        ("parsed", pa.int32()),  # the choice that it names, null for none
        ("drawn", pa.bool_()),  # whether that was drawn by chance instead (VoiceBench's rule)
        ("shots", pa.int32()),  # examples before the question
        ("words_dropped", pa.int32()),  # from the question's beginning, for want of room
    ]
)
TRANSCRIPTS = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("transcript", pa.string()),
        ("cer", pa.float64()),  # edits a character of the text
    ]
)
FIGURES = pa.schema(
    [
        ("task", pa.string()),
        ("metric", pa.string()),  # acc or acc_norm
        ("group_kind", pa.string()),  # all, domain, speaker or held_out
        ("group", pa.string()),
        ("figure", pa.string()),
        ("first", pa.string()),  # conditions, as MODEL MODALITY
        ("second", pa.string()),  # null for an accuracy
        ("value", pa.float64()),
        ("standard_error", pa.float64()),
        ("low", pa.float64()),  # of the 95 % interval
        ("high", pa.float64()),
        ("items", pa.int32()),
        ("only_first", pa.int32()),  # items that one of the two alone has right
        ("only_second", pa.int32()),
        ("mcnemar_p", pa.float64()),
    ]
)


def likeliest_per_character(log_likelihoods: list[float], scored: list[str]) -> int:
    """The choice that `acc_norm` counts, by nats per character, as lm-evaluation-harness has it."""
    return int(np.argmax([value / len(words) for value, words in zip(log_likelihoods, scored, strict=True)]))


def file_name(name: str) -> str:
    """The name of a model or a task as a part of a file's; two names may come to the same."""
    return re.sub(r"[^\w.-]", "_", name)


def write_rows(path: Path, rows: list[dict], schema: pa.Schema) -> None:
    """Write rows of `PREDICTIONS`, `TRANSCRIPTS` or `FIGURES`."""
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


def read_rows(path: Path) -> list[dict]:
    """What `write_rows` wrote."""
    return pq.read_table(path).to_pylist()


def read_predictions(path: str | Path) -> list[dict]:
    """All predictions of a complete results artefact."""
    artefact = Artefact.open(path, SCHEMA, VERSION)
    parts = [part for part in artefact.parts(".parquet") if part.name.startswith("predictions-")]
    return [row for part in parts for row in read_rows(part)]


def read_figures(path: str | Path) -> list[dict]:
    """The figures of a complete results artefact."""
    return read_rows(Artefact.open(path, SCHEMA, VERSION).path / FIGURES_FILE)
