"""Results of `eval`, in lm-evaluation-harness's shape, with the predictions of every item as Parquet beside them.

`results.json` and `samples_TASK_MODALITY.jsonl` carry the harness's key names; `predictions-*.parquet` is what our
own commands read: one row per item, joined by `id`.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.formats.artefact import Artefact

SCHEMA, VERSION = "results", 1

PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("task", pa.string()),
        ("modality", pa.string()),
        ("domain", pa.string()),
        ("speaker", pa.string()),
        ("text", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
        ("log_likelihoods", pa.list_(pa.float64())),  # nats, one per choice
        ("acc", pa.bool_()),  # the most likely choice is right
        ("acc_norm", pa.bool_()),  # so is the most likely one per character
    ]
)


def likeliest_per_character(log_likelihoods: list[float], choices: list[str]) -> int:
    """The choice that `acc_norm` counts, by nats per character, as lm-evaluation-harness has it."""
    return int(np.argmax([value / len(choice) for value, choice in zip(log_likelihoods, choices, strict=True)]))


def prediction_row(question: dict, task: str, modality: str, log_likelihoods: list[float]) -> dict:
    """One scored question."""
    return {
        "id": question["id"],
        "task": task,
        "modality": modality,
        "domain": question.get("domain"),
        "speaker": question.get("speaker") if modality == "speech" else None,
        "text": question["text"],
        "choices": question["choices"],
        "answer": question["answer"],
        "log_likelihoods": log_likelihoods,
        "acc": int(np.argmax(log_likelihoods)) == question["answer"],
        "acc_norm": likeliest_per_character(log_likelihoods, question["choices"]) == question["answer"],
    }


def write_predictions(path: Path, rows: list[dict]) -> None:
    """Write the predictions of one task in one modality."""
    pq.write_table(pa.Table.from_pylist(rows, PREDICTIONS), path)


def read_predictions_file(path: Path) -> list[dict]:
    """The predictions of one task in one modality."""
    return pq.read_table(path).to_pylist()


def read_predictions(path: str | Path) -> list[dict]:
    """All predictions of a complete results artefact."""
    artefact = Artefact.open(path, SCHEMA)
    return [row for part in artefact.parts(".parquet") for row in read_predictions_file(part)]


def harness_results(rows: list[dict]) -> dict:
    """lm-evaluation-harness's `results` object over all tasks of `rows`."""
    results, counts = {}, {}
    for task in sorted({f"{row['task']}_{row['modality']}" for row in rows}):
        of_task = [row for row in rows if f"{row['task']}_{row['modality']}" == task]
        results[task] = {"alias": task}
        for metric in ("acc", "acc_norm"):
            values = np.array([row[metric] for row in of_task], dtype=np.float64)
            error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
            results[task] |= {f"{metric},none": values.mean(), f"{metric}_stderr,none": error}
        counts[task] = {"original": len(of_task), "effective": len(of_task)}
    return {"results": results, "n-samples": counts, "n-shot": dict.fromkeys(results, 0)}


def harness_samples(rows: list[dict]) -> str:
    """lm-evaluation-harness's samples, one JSON line per item."""
    lines = []
    for number, row in enumerate(rows):
        scores = [[value, False] for value in row["log_likelihoods"]]
        lines.append(
            {
                "doc_id": number,
                "doc": {key: row[key] for key in ("id", "text", "choices", "answer", "domain")},
                "target": row["answer"],
                "arguments": [[row["text"], f" {choice}"] for choice in row["choices"]],
                "resps": [[score] for score in scores],
                "filtered_resps": scores,
                "acc": float(row["acc"]),
                "acc_norm": float(row["acc_norm"]),
            }
        )
    return "".join(json.dumps(line) + "\n" for line in lines)
