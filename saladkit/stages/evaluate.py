"""`eval`: a model scored on the same questions, read and heard."""

from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import create_artefact, write_json
from saladkit.formats.checkpoint import check_model_folder, model_digest, model_type
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.results import (
    SCHEMA,
    VERSION,
    harness_results,
    harness_samples,
    prediction_row,
    read_predictions_file,
    write_predictions,
)
from saladkit.model.listening import front_end_of, layout_of
from saladkit.model.loading import load_salad_model, load_text_model, load_tokenizer
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.runtime import Run, progress, resolve_device
from saladkit.scoring.likelihood import score_options
from saladkit.scoring.questions import lay_out_question, read_questions, task_name


def evaluate(
    model: str,
    tasks: list[str],
    output: str | Path,
    *,
    modalities: tuple[str, ...] = ("text", "speech"),
    batch_size: int = 16,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    dtype: str = "float32",
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Score every task in every modality by the likelihood of its choices.

    Returns:
        The summary: accuracy by task and modality.

    Raises:
        SaladError: a model or questions that are none, a text LLM asked to hear, scores that are not finite.
    """
    run = Run("eval")
    check_model_folder(model)
    hears = model_type(model) == "salad"
    if "speech" in modalities and not hears:
        raise SaladError(
            f"{model} is a text LLM and hears nothing", "Give --modality text, or a checkpoint that hears."
        )
    pairs = {f"{task_name(task)}_{modality}": (task, modality) for task in tasks for modality in modalities}
    if len(pairs) < len(tasks) * len(modalities):
        raise SaladError("two tasks have the same name", "Rename a folder: tasks are called after their folders.")
    questions = {
        name: read_questions(task, speech=modality == "speech", names=names, limit=limit)
        for name, (task, modality) in pairs.items()
    }
    if dry_run:
        return run.summary({"dry_run": True, "items": {name: len(rows) for name, rows in questions.items()}})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="eval",
        settings={"modalities": sorted(modalities), "dtype": dtype, "limit": limit, "columns": vars(names)},
        inputs={"model": model} | {f"task {task_name(task)}": task for task in tasks},
        overwrite=overwrite,
    )
    if writer.finished is not None:
        return writer.finished
    device = resolve_device(device)
    if hears:
        scored_model = load_salad_model(model, dtype=dtype, device=device).eval()
    else:
        scored_model = TextModel(load_text_model(model, dtype=dtype, device=device).eval())
    tokenizer = load_tokenizer(model)
    rows = []
    for name, (task, modality) in pairs.items():
        predictions, samples = f"predictions-{name}.parquet", f"samples_{name}.jsonl"
        if not writer.has(predictions):
            scored = _score(scored_model, tokenizer, questions[name], task, modality, batch_size)
            with writer.writing(predictions) as aside:
                write_predictions(aside, scored)
        scored = read_predictions_file(writer.path / predictions)
        if not writer.has(samples):
            with writer.writing(samples) as aside:
                aside.write_text(harness_samples(scored))
        rows += scored
    results = harness_results(rows) | {"model_name": model}
    write_json(writer.path / "results.json", results)
    writer.has("results.json")
    writer.finish(counts={"items": len(rows)}, identity={"model": model_digest(model)})
    accuracies = {
        name: {
            "acc": round(r["acc,none"], 4),
            "acc_norm": round(r["acc_norm,none"], 4),
            "items": results["n-samples"][name]["effective"],
        }
        for name, r in results["results"].items()
    }
    return run.summary({"results": accuracies}, writer)


def _score(
    model: SaladForCausalLM | TextModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: list[dict],
    task: str,
    modality: str,
    batch_size: int,
) -> list[dict]:
    front_end = layout = None
    if modality == "speech":
        front_end = front_end_of(model.config, device=str(model.device))
        layout = layout_of(model.config, front_end)
    laid_out = [
        lay_out_question(row, tokenizer, front_end, layout, task)
        for row in progress(rows, what=f"read {task_name(task)}")
    ]
    by_length = sorted(range(len(laid_out)), key=lambda index: len(laid_out[index].prompt))
    scores: dict[int, list[float]] = {}
    for begin in progress(range(0, len(by_length), batch_size), what=f"eval {modality}", unit="batch"):
        batch = by_length[begin : begin + batch_size]
        values = score_options(model, [laid_out[i].prompt for i in batch], [laid_out[i].choices for i in batch])
        scores |= dict(zip(batch, values, strict=True))
    for index, values in scores.items():
        if not np.all(np.isfinite(values)):
            raise SaladError(
                f"the model's score of row '{rows[index]['id']}' of {task}, as {modality}, is not finite",
                "Give a model that is whole; with --dtype float16, try float32.",
            )
    return [prediction_row(rows[i], task_name(task), modality, scores[i]) for i in range(len(rows))]
