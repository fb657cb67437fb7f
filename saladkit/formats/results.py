"""Results of `eval`: predictions of every item, figures over items, and files of lm-evaluation-harness.

A condition is a model and the modality of the question: `text`, `speech`, `cascade` (a transcript of the speech), or
`speech` with a perturbation, such as `speech_snr10`.

- `MODEL/predictions-TASK_MODALITY.parquet`: one row per item. Conditions are paired by `id`.
- `figures.parquet`: accuracies and their paired differences.
- `original/transcripts-TASK_MODALITY.parquet`: the transcripts of a cascade.
- `MODEL/results_MODEL.json` and `MODEL/samples_TASK_MODALITY.jsonl`: files as lm-evaluation-harness writes them
  (`formats/harness.py`).
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.formats.artefact import Artefact
from saladkit.formats.tables import read_table

SCHEMA, VERSION = "results", 4  # 4: the groups of each item, and answers written beside chosen ones

CASCADE = "cascade"  # modality of the text LLM's answers to transcripts
ORIGINAL = "original"  # name of the text LLM beside the models that were trained from it
FIGURES_FILE = "figures.parquet"
WRITTEN = "acc_written"  # metric of answers that are written beside chosen ones
GAP_PARTS = ("gap", "forgetting", "misalignment", "recovery")

Item = TypeVar("Item", bound=Hashable)  # an id, or a task and an id

PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("model", pa.string()),
        ("task", pa.string()),
        ("modality", pa.string()),
        ("domain", pa.string()),
        ("speaker", pa.string()),  # null for text input
        # The groups that the item belongs to: a column of the questions (`--by`), and its value there, if it has one.
        ("groups", pa.list_(pa.struct([("column", pa.string()), ("value", pa.string())]))),
        ("held_out", pa.bool_()),  # whether the speaker is not in the training data; null if unknown
        ("text", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
        ("reference", pa.string()),  # right answer of an open question
        ("context", pa.string()),  # the whole prompt as text
        ("scored", pa.list_(pa.string())),  # continuation scored for each choice, without the space before it
        ("log_likelihoods", pa.list_(pa.float64())),  # of each continuation, in nats
        ("greedy", pa.list_(pa.bool_())),  # whether each token of the continuation was the most likely one
        # Whether the most likely choice is right, or the choice that the response names; of an open question, whether
        # the response is the reference.
        ("acc", pa.bool_()),
        # Whether the choice most likely per character is right; for the choice that a response names as `acc`; of an
        # open question, whether the response contains the reference.
        ("acc_norm", pa.bool_()),
        # Whether the response begins with the right choice; null unless it was written beside scored choices.
        (WRITTEN, pa.bool_()),
        ("response", pa.string()),  # all that the model wrote, thoughts included; null if it wrote nothing
        ("parsed", pa.int32()),  # choice that the response names, or begins with; null for none
        ("drawn", pa.bool_()),  # whether the choice was drawn at random instead (VoiceBench's rule)
        ("shots", pa.int32()),  # number of examples before the question
        ("words_dropped", pa.int32()),  # words cut from the beginning of a question that was too long
    ]
)
TRANSCRIPTS = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("transcript", pa.string()),
        ("cer", pa.float64()),  # character error rate
    ]
)
FIGURES = pa.schema(
    [
        ("task", pa.string()),
        ("metric", pa.string()),  # acc, acc_norm or acc_written
        ("group_kind", pa.string()),  # all, domain, speaker, held_out, or a column that `--by` names
        ("group", pa.string()),
        ("figure", pa.string()),
        ("first", pa.string()),  # condition, as MODEL MODALITY
        ("second", pa.string()),  # condition that is subtracted; null for an accuracy
        ("value", pa.float64()),
        ("standard_error", pa.float64()),
        ("low", pa.float64()),  # bounds of the 95 % interval: Wilson's of an accuracy, else bootstrap over items
        ("high", pa.float64()),
        ("items", pa.int32()),  # of a comparison: those that every condition of the task answered, with equal `shots`
        ("items_first", pa.int32()),  # items of the task that the first condition has a score for, in all groups
        ("items_second", pa.int32()),  # the same of the second condition; null for an accuracy
        ("only_first", pa.int32()),  # number of items that only the first condition has right
        ("only_second", pa.int32()),
        ("mcnemar_p", pa.float64()),  # of this test alone: not corrected for the number of comparisons
    ]
)


def likeliest_per_character(log_likelihoods: list[float], scored: list[str]) -> int:
    """Return the choice of the highest log-likelihood per character, as `acc_norm` of lm-evaluation-harness."""
    return int(np.argmax([value / len(words) for value, words in zip(log_likelihoods, scored, strict=True)]))


def comparable_items(conditions: Sequence[Mapping[Item, dict]]) -> set[Item]:
    """Return the items by which conditions can be compared: all have answered them, after equally many examples.

    Args:
        conditions: one or more; the scored predictions of each by item.
    """
    common = set.intersection(*(set(items) for items in conditions))
    return {item for item in common if len({items[item]["shots"] for items in conditions}) == 1}


def groups_of(row: dict) -> dict[str, str]:
    """Return the value of each column that a prediction belongs to a group by."""
    return {group["column"]: group["value"] for group in row["groups"] or ()}


def is_unparsed(row: dict) -> bool:
    """Return whether a generated answer names no choice of its question, or is empty where the question is open."""
    return row["parsed"] is None or bool(row["drawn"]) if row["choices"] else not row["response"]


def file_name(name: str) -> str:
    """Turn the name of a model or task into a part of a file name; different names may become equal."""
    return re.sub(r"[^\w.-]", "_", name)


def write_rows(path: Path, rows: list[dict], schema: pa.Schema) -> None:
    """Write rows of `PREDICTIONS`, `TRANSCRIPTS` or `FIGURES`."""
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


def read_rows(path: Path, schema: pa.Schema | None = None) -> list[dict]:
    """Read rows that `write_rows` wrote.

    Raises:
        SaladError: the file is damaged.
    """
    return read_table(path, schema).to_pylist()


def read_predictions(path: str | Path) -> list[dict]:
    """Read all predictions of a complete results artefact.

    Raises:
        SaladError: `path` is no complete results artefact.
    """
    artefact = Artefact.open(path, SCHEMA, VERSION)
    parts = [part for part in artefact.parts(".parquet") if part.name.startswith("predictions-")]
    return [row for part in parts for row in read_rows(part, PREDICTIONS)]


def read_transcripts(path: str | Path, task: str) -> dict[str, str]:
    """Read the transcripts of a task's recordings, by id, as the cascade got them; {} without a cascade.

    Raises:
        SaladError: `path` is no complete results artefact.
    """
    parts = Artefact.open(path, SCHEMA, VERSION).parts(".parquet")
    wanted = f"transcripts-{file_name(task)}_{CASCADE}.parquet"
    return {
        row["id"]: row["transcript"] for part in parts if part.name == wanted for row in read_rows(part, TRANSCRIPTS)
    }
