"""`align`: Stage II, targeted alignment on the speech that was selected, from the checkpoint before the decay.

This trains the model. Forced alignment of speech with its words is `saladkit timestamps`.
"""

from dataclasses import replace
from pathlib import Path

import torch

from saladkit.formats.artefact import create_artefact
from saladkit.formats.checkpoint import SCHEMA, VERSION, check_model_folder, model_digest, model_type, stable_or_final
from saladkit.machine import is_main_process, main_process_first, resolve_device
from saladkit.model.front_ends import front_end_of
from saladkit.model.loading import is_same_model, load_salad_model, load_tokenizer
from saladkit.model.lora import LoraOptions
from saladkit.rows.interleaving import InterleavingOptions
from saladkit.rows.training_sources import WeightedPath
from saladkit.runtime import Run
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.training.options import TrainingOptions
from saladkit.training.run import TrainingInputs, run_training
from saladkit.training.saved_states import check_state, discard_states


def align(
    checkpoint: str,
    output: str | Path,
    *,
    data: list[WeightedPath],
    replay: list[WeightedPath],
    teacher: str,
    frames: list[str],
    words: list[str],
    options: TrainingOptions,
    interleaving: InterleavingOptions,
    lora: LoraOptions | None = None,
    save: str = "full",
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    attention: str = "sdpa",
    report_to: str = "none",
    resume_from_checkpoint: str | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Go on from `checkpoint`, from its state before the decay where it has one, with an optimizer that starts anew.

    Args:
        teacher: a teacher cache, or the text LLM to run live. Never the checkpoint itself: it has moved.
        lora: LoRA upon the checkpoint's language model, or full training if its rank is 0; None: as the checkpoint,
            whose LoRA goes on where it was saved apart. The text LLM that this lies upon is not loaded again to teach.
        save: "full", or "trained" for what was trained alone.
        options: but for its decay; Stage II is all decay, from the stable rate linearly to 0.

    Returns:
        The summary, with the last logged losses.

    Raises:
        SaladError: a checkpoint, speech, cache or teacher that is none or does not fit, or a training that diverges.
    """
    run = Run("align")
    if resume_from_checkpoint is not None:
        check_state(resume_from_checkpoint, options.max_steps)
    options = replace(options, decay_fraction=1.0)
    check_model_folder(checkpoint)
    start = stable_or_final(checkpoint)
    student = load_salad_model(start, dtype="float32", device="cpu", merge_lora=lora is not None)
    tokenizer = load_tokenizer(start)
    inputs = TrainingInputs(data, replay, teacher, frames, words, names, limit)
    beneath = student.config.text_model and student.config.text_model["name"]
    own_teacher = beneath is not None and model_type(beneath) != "salad" and is_same_model(teacher, beneath)
    device = resolve_device(device)
    front_end = front_end_of(student.config, device=device)
    opened = inputs.open(tokenizer, student.config, front_end, options, checkpoint, own_teacher=own_teacher)
    if dry_run:
        return run.summary({"dry_run": True, **opened.figures(options)})
    with main_process_first(device):
        writer = create_artefact(
            output,
            schema=SCHEMA,
            version=VERSION,
            verb="align",
            settings=inputs.settings(options, interleaving, lora, save) | opened.resampling(),
            inputs={"checkpoint": start} | inputs.paths() | {"state": resume_from_checkpoint},
            digest=digest_source,
            overwrite=overwrite and is_main_process(),  # the others find what it has begun
        )
    if writer.finished is not None:
        discard_states(writer.path)  # where the run was cut off right before
        return writer.finished
    torch.manual_seed(options.seed)
    identity = {"started_from": model_digest(start)}
    if lora and lora.rank:
        student.add_lora(lora, {"name": str(start), "digest": identity["started_from"]})
    figures = run_training(
        student,
        tokenizer,
        opened,
        options,
        interleaving,
        writer,
        identity=identity,
        device=device,
        attention=attention,
        report_to=report_to,
        resume_from=resume_from_checkpoint,
        keep_stable=False,
        own_teacher=own_teacher,
        save=save,
    )
    return run.summary(figures, writer if is_main_process() else None)
