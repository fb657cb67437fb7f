"""Open the inputs, plan, train and complete the checkpoint: the steps that `distill` and `align` share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import SCHEMA, VERSION, model_digest
from saladkit.job import Clock, Job, Made, Work
from saladkit.machine import is_launched, is_main_process, processes, resolve_device, training_on
from saladkit.model.chat_template import remember_template, template_of
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.limits import read_limits
from saladkit.model.loading import may_pack
from saladkit.model.lora import LoraShape
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.progress import say
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.readers import Readers
from saladkit.rows.schedule import TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.settings.training import TrainingSettings
from saladkit.speech.front_end import FrontEnd
from saladkit.teacher.signals import TeacherSignal
from saladkit.training.foresight import foresee
from saladkit.training.inputs import TrainingInputs, identified_beside, input_paths, open_inputs
from saladkit.training.mix import check_mix, note_on_mix
from saladkit.training.rollout_checks import are_laid_out, check_rollouts, notes_on_origin
from saladkit.training.run import run_training
from saladkit.training.saved_states import discard_states
from saladkit.training.sharding import check_sharding
from saladkit.training.teachers import check_teachers, is_teacher_cache, limits_of_teacher, open_teacher
from saladkit.training.unadapted_teacher import UnadaptedTeacher


@dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        name: folder of the text LLM or of the checkpoint, or the text LLM's name on the Hub.
        config: the configuration of the model that is trained.
        make_student: makes this model, without the LoRA of the settings; random weights come from torch's seed.
        inputs: what is read for it, by role.
        own_teacher: whether the student with its LoRA off is the teacher, so that no other is opened.
        moments: Adam's moments to begin with (`training/moments.py`); None for none.
        told: what to say of them when training begins.
    """

    name: str
    tokenizer: PreTrainedTokenizerBase
    config: SaladConfig
    make_student: Callable[[], SaladForCausalLM]
    inputs: dict[str, str | Path | None]
    own_teacher: bool
    moments: Path | None = None
    told: str | None = None


@dataclass(frozen=True)
class Opened:
    """What a training reads, opened and checked.

    Attributes:
        schedule: the order in which the rows are read.
        template: the chat template of conversations; None if there are none.
        teacher: the opened teacher; None if no row follows one, or the student with its LoRA off is the teacher.
    """

    inputs: TrainingInputs
    schedule: TrainingSchedule
    template: ChatTemplate | None
    teacher: TeacherSignal | None

    @property
    def laid_out(self) -> dict[str, str]:
        """The template's digest, as a manifest has it."""
        return {"chat_template": self.template.digest} if self.template else {}


def train_stage(
    verb: str,
    output: str | Path,
    settings: TrainingSettings,
    start: Start,
    *,
    teachers: Sequence[str],
    clock: Clock,
) -> dict:
    """Train the student of `start`, and write a checkpoint to `output`.

    Args:
        teachers: teacher caches, or one text LLM to run live.

    Returns:
        The summary, with the last logged losses.

    Raises:
        SaladError: speech, text or teacher cannot be read or do not fit the model, or the training diverges.
    """
    check_sharding(own_teacher=start.own_teacher)
    device = resolve_device(settings.device)
    front_end = front_end_of(start.config, device=device)
    opened = _open(start, settings, teachers, front_end)

    def make(work: Work) -> Made:
        _say_how(verb, device, start.told)
        start.config.phonemes = opened.inputs.phonemes() or start.config.phonemes
        student, digest = _student(start, settings, opened.template)
        packed = may_pack(settings.batching, student.language_model)
        own = UnadaptedTeacher(student.language_model, settings.temperature, packed) if start.own_teacher else None
        made = run_training(
            student,
            SaladProcessor(start.tokenizer, student.config),
            opened.inputs,
            opened.schedule,
            own or opened.teacher,
            settings,
            work,
            packed=packed,
            device=device,
            keep_stable=settings.keeps_stable(),
            moments=start.moments,
        )
        where = {"processes": processes(), "device": device}
        identity = made.identity | {"started_from": digest} | opened.laid_out
        return replace(made, identity=identity, figures=where | made.figures)

    job = Job(
        verb,
        SCHEMA,
        VERSION,
        settings,
        inputs=start.inputs | input_paths(settings, teachers),
        identified={"encoder": front_end.identity["name"]} | identified_beside(settings) | opened.laid_out,
        device=device,
        tidy=discard_states,
        clock=clock,
    )
    plan = opened.inputs.figures(settings, opened.schedule)
    return job.run(output, plan=plan, make=make, foresee=lambda: foresee(opened.schedule, settings.measured))


def _say_how(verb: str, device: str, told: str | None) -> None:
    """Print `told`, and before it how many processes train on which device, if a launcher has started them."""
    if is_main_process():
        if is_launched():
            say(f"{verb}: {training_on(device)}")
        if told:
            say(told)


def _open(start: Start, settings: TrainingSettings, teachers: Sequence[str], front_end: FrontEnd) -> Opened:
    """Open and check what is read, and say what deserves attention; `teachers` as in `train_stage`."""
    readers = _readers(start, settings, teachers, layout_of(start.config, front_end))
    inputs = open_inputs(settings, start.tokenizer, readers, front_end)
    template = _template(start, inputs)
    check_rollouts(inputs.sources, settings, start.tokenizer, template.digest if template else None, start.name)
    if is_main_process():
        for note in notes_on_origin(inputs.sources, start.name, [data.path for data in settings.speech_sources]):
            say(note)
    schedule = inputs.schedule(settings)
    check_mix(schedule)
    if is_main_process() and (off := note_on_mix(schedule)):
        say(off)
    followed = [] if start.own_teacher else inputs.followed(settings)
    vocabulary = readers.student.vocabulary
    opened = open_teacher(teachers, start.tokenizer, start.name, followed, settings, vocabulary) if followed else None
    return Opened(inputs, schedule, template, opened)


def _student(start: Start, settings: TrainingSettings, template: ChatTemplate | None) -> tuple[SaladForCausalLM, str]:
    """Make the model to train, with its LoRA; and return the digest of what it starts from."""
    torch.manual_seed(settings.seed)
    student, digest = start.make_student(), model_digest(start.name)
    if lora := LoraShape.of(settings):
        student.add_lora(lora, {"name": start.name, "digest": digest})
    if template:
        remember_template(student, template)
    return student, digest


def _readers(start: Start, settings: TrainingSettings, teachers: Sequence[str], layout: SequenceLayout) -> Readers:
    """Return the models that read the rows; raise a SaladError if one cannot read windows as one context."""
    check_teachers(teachers)
    teacher, cached = teachers[0], is_teacher_cache(teachers[0])
    if settings.window_context == "window" and settings.alpha > 0 and cached:
        raise SaladError(
            f"--window-context window, and {teacher} is a teacher cache, which knows each row alone",
            "Give the text LLM itself as --teacher, or --window-context row.",
        )
    taught = settings.alpha > 0 or bool(settings.rollout_sources)
    runs_beside = not start.own_teacher and taught and not cached
    beside = limits_of_teacher(teacher, start.tokenizer, start.name) if runs_beside else None
    readers = Readers(read_limits(start.name), beside, layout, settings.window or None)
    if settings.window_context == "window":
        readers.check_window()
    return readers


def _template(start: Start, inputs: TrainingInputs) -> ChatTemplate | None:
    """Return the chat template for the conversations and rollouts of the sources; None if none is laid out by one."""
    if not any(source.has_conversations for source in inputs.sources) and not are_laid_out(inputs.sources):
        return None
    return template_of(start.tokenizer, start.config)
