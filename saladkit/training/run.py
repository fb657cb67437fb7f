"""Train a student on opened inputs, and describe its checkpoint."""

from pathlib import Path

from saladkit.formats.checkpoint import (
    CARD,
    CONFIGURATIONS,
    LOGS,
    METRICS,
    STABLE,
    configurations,
    positions_trained_on,
)
from saladkit.formats.files import written_aside
from saladkit.job import Made, Work
from saladkit.machine import is_main_process
from saladkit.model.loading import use_attention
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.progress import say
from saladkit.rows.schedule import TrainingSchedule
from saladkit.rows.tokens import tokenizer_digest
from saladkit.settings.training import TrainingSettings
from saladkit.teacher.signals import TeacherSignal
from saladkit.training.inputs import TrainingInputs
from saladkit.training.learning_rates import stable_steps
from saladkit.training.loop import train
from saladkit.training.mix import read_in_all, shares
from saladkit.training.model_card import SourceFigures, model_card
from saladkit.training.pace import PaceMeter
from saladkit.training.rollout_notes import exposure_gaps, figures_of_rollouts, notes_on_rollouts
from saladkit.training.saved_states import STATES
from saladkit.training.saving import CheckpointSaver


def run_training(
    student: SaladForCausalLM,
    processor: SaladProcessor,
    inputs: TrainingInputs,
    schedule: TrainingSchedule,
    teacher: TeacherSignal | None,
    settings: TrainingSettings,
    work: Work,
    *,
    packed: bool,
    device: str,
    keep_stable: bool,
    moments: Path | None,
) -> Made:
    """Train `student`, and write its weights, its log and its model card to the output folder.

    Args:
        packed: whether rows are put together on lines.
        keep_stable: whether to keep the checkpoint from before the decay.
        moments: as in `train`.

    Raises:
        SaladError: the training diverges or does not fit the memory, or the attention implementation is not available.
    """
    use_attention(student, settings.attention, half_on_gpu=settings.bf16 and device != "cpu")
    saver = CheckpointSaver(processor, trained=settings.save == "trained")
    pace = PaceMeter(schedule)
    log = train(
        student,
        saver,
        schedule,
        teacher,
        settings,
        work.path,
        packed=packed,
        device=device,
        keep_stable=keep_stable,
        moments=moments,
        pace=pace,
    )
    last = log[-1]
    names = [source.name for source in inputs.sources]
    read = {name: read_in_all(log, name) for name in names}
    if is_main_process():
        _write_cards(work, student, inputs, read, last)
        work.adopt_all(but=(LOGS, STATES))
    start = work.writer.plan["inputs"].get("checkpoint")
    positions = positions_trained_on(work.path, stable_steps(settings), start)
    plan = inputs.figures(settings, schedule)
    steps = {"steps": settings.max_steps}
    notes = {name: plan[name] for name in ("rows_never_cut", "rows_split", "rows_with_questions")}
    notes |= inputs.audio_counts()
    if settings.window:
        notes |= {"rows_unread": sum(counts["unread rows"] for counts in read.values())}
    by_source = {name: counts["rows"] for name, counts in read.items()}
    figures = steps | {"rows_read": by_source, "shares": shares(log, names), "skipped": plan["skipped"]}
    return Made(
        counts=steps | {"rows_read": sum(by_source.values())} | notes | positions,
        skipped=inputs.left_out(),
        identity={"tokenizer": tokenizer_digest(processor.tokenizer), "log": METRICS}
        | {CONFIGURATIONS: configurations(work.path)},
        figures=figures | notes | pace.figures() | _rollouts(log, inputs, settings) | {"last": last},
    )


def _rollouts(log: list[dict[str, float]], inputs: TrainingInputs, settings: TrainingSettings) -> dict:
    """Return what the summary says of rollouts, and say what deserves attention."""
    found = figures_of_rollouts(log, inputs.sources)
    if not found:
        return {}
    if is_main_process():
        for note in notes_on_rollouts(found):
            say(note)
    gaps = exposure_gaps(log, inputs.sources, settings)
    return {"divergences": found} | ({"exposure_gap": gaps} if gaps else {})


def _write_cards(
    work: Work, student: SaladForCausalLM, inputs: TrainingInputs, read: dict[str, dict], last: dict[str, float]
) -> None:
    """Write the model card of the checkpoint, and of the one from before the decay, which has no last losses."""
    about = [
        SourceFigures(source.name, source.frames is not None, source.weight, len(source), read[source.name]["rows"])
        for source in inputs.sources
    ]
    for folder, losses in ((work.path, last), (work.path / STABLE, None)):
        if folder.is_dir():
            with written_aside(folder / CARD) as aside:
                aside.write_text(model_card(work.writer.plan, student.config, about, losses))
