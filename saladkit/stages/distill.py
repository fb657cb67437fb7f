"""`distill`: Stage I, the frozen text LLM distilled into its speech-adapted self on natural speech."""

from pathlib import Path

import torch

from saladkit.formats.artefact import create_artefact
from saladkit.formats.checkpoint import SCHEMA, VERSION, model_digest
from saladkit.machine import is_main_process, main_process_first, resolve_device
from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.model.front_ends import choose_encoder, front_end_of
from saladkit.model.loading import is_same_model, load_text_model, load_tokenizer
from saladkit.model.lora import LoraOptions
from saladkit.model.salad import SaladForCausalLM
from saladkit.progress import say
from saladkit.rows.interleaving import InterleavingOptions
from saladkit.rows.training_sources import WeightedPath
from saladkit.runtime import Run
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.training.options import TrainingOptions
from saladkit.training.run import TrainingInputs, run_training
from saladkit.training.saved_states import check_state, discard_states


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
    modality_token: bool = False,
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
    """Adapt the text LLM `model` to speech.

    Args:
        teacher: a teacher cache, or a text LLM to run live; None runs `model` itself live. With LoRA `model` is the
            student with its adapters off, and no second copy is loaded.
        adapter: arguments of `adapter_configuration`.
        encoder: `speech_encoder`; of log-mel `num_mel_bins` and `encoder_width`, of the others `codebooks` and `layer`.
        modality_token: whether a learned vector stands where speech begins, and where text begins again.
        lora: LoRA in the place of full training, if its rank is not 0.
        save: "full", or "trained" for what was trained alone.

    Returns:
        The summary, with the last logged losses.

    Raises:
        SaladError: a model, speech, cache or teacher that is none or does not fit, or a training that diverges.
    """
    run = Run("distill")
    if resume_from_checkpoint is not None:
        check_state(resume_from_checkpoint, options.max_steps)
    tokenizer = load_tokenizer(model)
    inputs = TrainingInputs(data, replay, teacher or model, frames, words, names, limit)
    device = resolve_device(device)
    listening, codebooks = choose_encoder(encoder)
    config = SaladConfig(adapter_config=adapter_configuration(**adapter), **listening, modality_tokens=modality_token)
    front_end = front_end_of(config, device=device)
    if config.frozen_encoder and not config.frozen_encoder["causal"] and is_main_process():
        say(
            f"note: what {config.speech_encoder} makes of a span has heard the words after it, which the model is to"
            " predict; Mimi and log-mel are causal"
        )
    lora = lora if lora and lora.rank else None
    own_teacher = lora is not None and is_same_model(inputs.teacher, model)
    opened = inputs.open(tokenizer, config, front_end, options, model, own_teacher=own_teacher)
    if dry_run:
        return run.summary({"dry_run": True, **opened.figures(options)})
    encoder_folder = None if config.frozen_encoder is None else config.speech_encoder
    with main_process_first(device):
        writer = create_artefact(
            output,
            schema=SCHEMA,
            version=VERSION,
            verb="distill",
            settings=inputs.settings(options, interleaving, lora, save)
            | {"adapter": adapter, "encoder": encoder | {"speech_encoder": front_end.identity["name"]}}
            | {"modality_token": modality_token}
            | opened.resampling(),
            inputs={"model": model, "speech encoder": encoder_folder}
            | inputs.paths()
            | {"state": resume_from_checkpoint},
            digest=digest_source,
            overwrite=overwrite and is_main_process(),  # the others find what it has begun
        )
    if writer.finished is not None:
        discard_states(writer.path)  # where the run was cut off right before
        return writer.finished
    torch.manual_seed(options.seed)
    language_model = load_text_model(model, dtype="float32", device="cpu")
    student = SaladForCausalLM.from_text_model(language_model, config)
    if codebooks is not None:
        student.speech_encoder.codebooks.copy_(codebooks)
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
        attention=attention,
        report_to=report_to,
        resume_from=resume_from_checkpoint,
        keep_stable=True,
        own_teacher=own_teacher,
        save=save,
    )
    return run.summary(figures, writer if is_main_process() else None)
