"""Train a student on opened inputs, and describe its checkpoint."""

import numpy as np

from saladkit.formats.artefact import PLAN, SUMMARY
from saladkit.formats.checkpoint import CARD, LOGS, METRICS, STABLE, positions_trained_on
from saladkit.formats.files import written_aside
from saladkit.job import Made, Work
from saladkit.machine import is_main_process
from saladkit.model.loading import check_packing, use_attention
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.schedule import TrainingSchedule
from saladkit.rows.tokens import tokenizer_digest
from saladkit.settings.training import TrainingSettings
from saladkit.teacher.signals import TeacherSignal
from saladkit.training.inputs import TrainingInputs, rows_per_step
from saladkit.training.learning_rates import stable_steps
from saladkit.training.loop import train
from saladkit.training.model_card import SourceFigures, model_card
from saladkit.training.saved_states import STATES
from saladkit.training.saving import CheckpointSaver


def run_training(
    student: SaladForCausalLM,
    processor: SaladProcessor,
    inputs: TrainingInputs,
    teacher: TeacherSignal | None,
    settings: TrainingSettings,
    work: Work,
    *,
    device: str,
    keep_stable: bool,
) -> Made:
    """Train `student`, and write its weights, its log and its model card to the output folder.

    Args:
        keep_stable: whether to keep the checkpoint from before the decay.

    Raises:
        SaladError: the training diverges or does not fit the memory, the attention implementation is not available,
            or the model cannot read packed rows.
    """
    if settings.packed:
        check_packing(student.language_model)
    use_attention(student, settings.attention, half_on_gpu=settings.bf16 and device != "cpu")
    schedule = _schedule(inputs, settings)
    saver = CheckpointSaver(processor, trained=settings.save == "trained")
    last = train(student, saver, schedule, teacher, settings, work.path, device=device, keep_stable=keep_stable)
    read = np.bincount(schedule.source, minlength=len(inputs.sources)).tolist()
    if is_main_process():
        _write_cards(work, student, inputs, read, last)
        _list_files(work)
    start = work.writer.plan["inputs"].get("checkpoint")
    positions = positions_trained_on(work.path, stable_steps(settings), start)
    plan = inputs.figures(settings)
    steps, notes = {"steps": settings.max_steps}, {name: plan[name] for name in ("rows_never_cut", "rows_split")}
    notes |= inputs.audio_counts()
    by_source = {source.name: rows for source, rows in zip(inputs.sources, read, strict=True)}
    return Made(
        counts=steps | {"rows_read": sum(read)} | notes | positions,
        skipped=inputs.left_out(),
        identity={"tokenizer": tokenizer_digest(processor.tokenizer), "log": METRICS},
        figures=steps | {"rows_read": by_source, "skipped": plan["skipped"]} | notes | {"last": last},
    )


def _schedule(inputs: TrainingInputs, settings: TrainingSettings) -> TrainingSchedule:
    batch = rows_per_step(settings)
    return TrainingSchedule(
        inputs.sources,
        count=settings.max_steps * batch,
        warm_up=settings.lexical_steps * batch,
        batch=batch,
        packed_micro_batch=settings.per_device_train_batch_size if settings.packed else None,
        layout=inputs.layout,
        spans=settings,
        text_first=settings.text_first,
        whole_turns=settings.whole_turns,
        seed=settings.seed,
    )


def _write_cards(
    work: Work, student: SaladForCausalLM, inputs: TrainingInputs, read: list[int], last: dict[str, float]
) -> None:
    """Write the model card of the checkpoint, and of the one from before the decay, which has no last losses."""
    about = [
        SourceFigures(source.name, source.frames is not None, source.weight, len(source), rows)
        for source, rows in zip(inputs.sources, read, strict=True)
    ]
    for folder, losses in ((work.path, last), (work.path / STABLE, None)):
        if folder.is_dir():
            with written_aside(folder / CARD) as aside:
                aside.write_text(model_card(work.writer.plan, student.config, about, losses))


def _list_files(work: Work) -> None:
    """Register the files that transformers has written with the artefact, except plan, logs and saved states."""
    for file in sorted(path for path in work.path.rglob("*") if path.is_file()):
        name = file.relative_to(work.path)
        if name.parts[0] not in (PLAN, SUMMARY, LOGS, STATES):
            work.has(str(name))
