"""Results as lm-evaluation-harness writes them: `results_*.json` and `samples_*.jsonl`, with its keys (0.4.13).

Values that differ from run to run (dates, seconds, machine) are left out, so that the same command writes the same
bytes. A sample's `doc_hash` is computed from our document and differs from the harness's; the metric `unparsed` is
ours. Answers that are written beside chosen ones (`--also-generate`) stand in the predictions alone.
"""

import hashlib
import json
import re

import numpy as np

from saladkit import __version__
from saladkit.formats.results import is_unparsed

METRICS = ("acc", "acc_norm")
EXACT_MATCH, UNPARSED = "exact_match", "unparsed"
GENERATED = (EXACT_MATCH, UNPARSED)  # metrics of generated answers: the named choice is right; no choice was named
DOCUMENT = ("id", "text", "choices", "answer", "domain", "speaker")  # columns of the harness's `doc`


def harness_task(row: dict) -> str:
    """Return the harness's task name of a prediction."""
    return f"{row['task']}_{row['modality']}"


def harness_results(rows: list[dict], model: str, config: dict, figures: list[dict]) -> dict:
    """Return the content of `results_*.json` for all predictions of one model.

    Args:
        model: where the model was loaded from.
        config: settings of the evaluation.
        figures: paired figures over all items of a task, which become the task `TASK_gap`. Its number of samples is
            `effective` those that are compared, and `original` the most that one of both conditions has answered.
    """
    tasks: dict[str, list[dict]] = {}
    for row in rows:
        if row["acc"] is None:  # an open question has no score
            continue
        tasks.setdefault(harness_task(row), []).append(row)
    generated = any(row["log_likelihoods"] is None for row in rows)
    metrics = GENERATED if generated else METRICS
    results = {task: _means(task, of_task, metrics) for task, of_task in sorted(tasks.items())}
    counts = {task: len(of_task) for task, of_task in tasks.items()}
    answered = dict(counts)
    for figure in figures:
        task, metric = f"{figure['task']}_gap", f"{figure['figure']}_{figure['metric']}"
        results.setdefault(task, {"name": task, "alias": task, "sample_len": figure["items"]})
        results[task] |= {f"{metric},none": figure["value"], f"{metric}_stderr,none": figure["standard_error"]}
        counts[task], answered[task] = figure["items"], max(figure["items_first"], figure["items_second"])
    return {
        "results": results,
        "group_subtasks": {},
        "configs": {
            task: {"task": task, "output_type": "generate_until" if generated else "multiple_choice"} | config
            for task in results
        },
        "versions": dict.fromkeys(results, __version__),
        "n-shot": {task: max((row["shots"] for row in tasks.get(task, [])), default=0) for task in results},
        "higher_is_better": {task: {metric: metric != UNPARSED for metric in metrics} for task in tasks},
        "n-samples": {task: {"original": answered[task], "effective": counts[task]} for task in counts},
        "config": {"model": "saladkit", "model_args": {"pretrained": model}},
        "task_hashes": {task: _hash("".join(map(_hashes, of_task))) for task, of_task in sorted(tasks.items())},
        "model_source": "saladkit",
        "model_name": model,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", model),
    }


def harness_samples(rows: list[dict], generation: dict | None = None, *, delimiter: str = " ") -> str:
    """Return the content of `samples_*.jsonl` for one task: one JSON line per item.

    Args:
        generation: settings of generation, if answers were generated.
        delimiter: what stands between a prompt and a continuation that is scored.
    """
    samples = (_sample(number, row, generation, delimiter) for number, row in enumerate(rows))
    return "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)


def target_of(row: dict) -> str:
    """Return the right answer: the index of the choice if choices were scored, its text if answers were generated."""
    if row["log_likelihoods"] is not None:
        return str(row["answer"])
    return row["choices"][row["answer"]] if row["choices"] else row.get("reference") or ""


def _score(row: dict, metric: str) -> float:
    if metric == UNPARSED:
        return float(is_unparsed(row))
    return float(row["acc" if metric == EXACT_MATCH else metric])


def _means(task: str, rows: list[dict], metrics: tuple[str, ...]) -> dict:
    found = {"name": task, "alias": task, "sample_len": len(rows)}
    for metric in metrics:
        values = np.array([_score(row, metric) for row in rows])
        error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
        found |= {f"{metric},none": values.mean(), f"{metric}_stderr,none": error}
    return found


def _sample(number: int, row: dict, generation: dict | None, delimiter: str) -> dict:
    document, prompt, target = _hashed(row)
    if row["log_likelihoods"] is None:
        metrics = GENERATED if row["acc"] is not None else ()
        arguments, scores = [{"arg_0": row["context"], "arg_1": generation}], [row["response"]]
    else:
        metrics = METRICS
        arguments = [{"arg_0": row["context"], "arg_1": f"{delimiter}{words}"} for words in row["scored"]]
        # The harness writes numbers within lists as strings, so that `datasets` can load the file.
        scores = [
            [str(value), str(greedy)] for value, greedy in zip(row["log_likelihoods"], row["greedy"], strict=True)
        ]
    return {
        "doc_id": number,
        "doc": _document(row),
        "target": target_of(row),
        "arguments": {f"gen_args_{index}": argument for index, argument in enumerate(arguments)},
        "resps": [[score] for score in scores],
        "filtered_resps": scores,
        "filter": "none",
        "metrics": list(metrics),
        "doc_hash": document,
        "prompt_hash": prompt,
        "target_hash": target,
        **{metric: _score(row, metric) for metric in metrics},
    }


def _document(row: dict) -> dict:
    return {key: row[key] for key in DOCUMENT}


def _hashed(row: dict) -> tuple[str, str, str]:
    document = json.dumps(_document(row), indent=2, ensure_ascii=False)
    return _hash(document), _hash(row["context"]), _hash(target_of(row))


def _hashes(row: dict) -> str:
    return "".join(_hashed(row))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
