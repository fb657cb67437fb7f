"""`distill`: Stage I, the frozen text LLM distilled into its speech-adapted self on natural speech."""

from pathlib import Path

import torch

from saladkit.formats.artefact import create_artefact
from saladkit.formats.checkpoint import SCHEMA, VERSION, model_digest
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.model.interleaving import InterleavingOptions
from saladkit.model.loading import is_same_model, load_text_model, load_tokenizer
from saladkit.model.lora import LoraOptions
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.sources import WeightedPath
from saladkit.model.training import TrainingOptions
from saladkit.model.training_run import TrainingInputs, run_training
from saladkit.runtime import Run, resolve_device


def distill(
    model: str,
    output: str | Path,
    *,
    data: list[WeightedPath],
    replay: list[WeightedPath],
    teacher: str | None,
    frames: list[str],
    words: list[str],
    options: TrainingOptions,
    interleaving: InterleavingOptions,
    adapter: dict,
    encoder: dict,
    lora: LoraOptions | None = None,
    save: str = "full",
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    report_to: str = "none",
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Adapt the text LLM `model` to speech.

    Args:
        teacher: a teacher cache, or a text LLM to run live; None runs `model` itself live. With LoRA `model` is the
            student with its adapters off, and no second copy is loaded.
        adapter: arguments of `adapter_configuration`.
        encoder: `num_mel_bins`, `encoder_width`.
        lora: LoRA in the place of full training, if its rank is not 0.
        save: "full", or "trained" for what was trained alone.

    Returns:
        The summary, with the last logged losses.

    Raises:
        SaladError: a model, speech, cache or teacher that is none or does not fit, or a training that diverges.
    """
    run = Run("distill")
    tokenizer = load_tokenizer(model)
    inputs = TrainingInputs(data, replay, teacher or model, frames, words, names, limit)
    config = SaladConfig(adapter_config=adapter_configuration(**adapter), **encoder)
    lora = lora if lora and lora.rank else None
    own_teacher = lora is not None and is_same_model(inputs.teacher, model)
    opened = inputs.open(tokenizer, config, options, model, own_teacher=own_teacher)
    if dry_run:
        return run.summary({"dry_run": True, **opened.figures(options)})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="distill",
        settings=inputs.settings(options, interleaving, lora, save) | {"adapter": adapter, "encoder": encoder},
        inputs={"model": model} | inputs.paths(),
        overwrite=overwrite,
    )
    if writer.finished is not None:
        return writer.finished
    device = resolve_device(device)
    torch.manual_seed(options.seed)
    language_model = load_text_model(model, dtype="float32", device="cpu")
    student = SaladForCausalLM.from_text_model(language_model, config)
    identity = {"started_from": model_digest(model)}
    if lora:
        student.add_lora(lora, {"name": str(model), "digest": identity["started_from"]})
    figures = run_training(
        student,
        tokenizer,
        opened,
        options,
        interleaving,
        writer,
        identity=identity,
        device=device,
        report_to=report_to,
        keep_stable=True,
        own_teacher=own_teacher,
        save=save,
    )
    return run.summary(figures, writer)
