"""Run lm-evaluation-harness itself on rows of questions; our result files are compared with its files."""

import json
import logging
from pathlib import Path

import lm_eval
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

TASK = """task: questions_text
dataset_path: json
dataset_kwargs:
  data_files:
    test: {test}
    train: {train}
test_split: test
fewshot_split: train
output_type: multiple_choice
doc_to_text: "{{{{text}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
num_fewshot: {shots}
fewshot_config:
  sampler: first_n
metric_list:
  - metric: acc
  - metric: acc_norm
"""


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run_harness(
    model: Path,
    rows: list[dict],
    examples: list[dict],
    shots: int,
    folder: Path,
    *,
    chat: bool = False,
    system: str | None = None,
) -> tuple[dict, list[dict]]:
    """Its results and its samples, as it wrote them into `folder`."""
    (folder / "tasks").mkdir(parents=True)
    test, train = write_rows(folder / "test.jsonl", rows), write_rows(folder / "train.jsonl", examples)
    (folder / "tasks" / "questions.yaml").write_text(TASK.format(test=test, train=train, shots=shots))
    tracker = EvaluationTracker(output_path=str(folder / "out"))
    logging.disable(logging.WARNING)
    try:
        results = lm_eval.simple_evaluate(
            model="hf",
            model_args={"pretrained": str(model), "dtype": "float32"},
            tasks=["questions_text"],
            task_manager=TaskManager(include_path=str(folder / "tasks"), include_defaults=False),
            batch_size=4,
            log_samples=True,
            device="cpu",
            evaluation_tracker=tracker,
            apply_chat_template=chat,
            system_instruction=system,
        )
    finally:
        logging.disable(logging.NOTSET)
    samples = results.pop("samples")
    tracker.save_results_aggregated(results, samples)
    tracker.save_results_samples("questions_text", samples["questions_text"])
    (written,) = (folder / "out").glob("*/results_*.json")
    (listed,) = (folder / "out").glob("*/samples_questions_text_*.jsonl")
    return json.loads(written.read_text()), [json.loads(line) for line in listed.read_text().splitlines()]
