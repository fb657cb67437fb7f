"""Run a training: save states and the checkpoint, and resume an interrupted run."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import TensorBoardCallback
from transformers.trainer_callback import ProgressCallback

from saladkit.formats.checkpoint import LOGS, METRICS, STABLE
from saladkit.formats.files import written_aside
from saladkit.machine import is_main_process, processes
from saladkit.model.salad import SaladForCausalLM
from saladkit.progress import is_quiet
from saladkit.rows.schedule import TrainingSchedule
from saladkit.settings.training import TrainingSettings
from saladkit.teacher.signals import TeacherSignal
from saladkit.training.faults import diverged, out_of_memory
from saladkit.training.learning_rates import stable_steps
from saladkit.training.moments import BeginWithMoments
from saladkit.training.pace import PaceMeter
from saladkit.training.rollout_meter import measured_names
from saladkit.training.saved_states import STATES, bring_stable, is_past_stable, last_saved_state
from saladkit.training.saving import CheckpointSaver, KeepStableCheckpoint
from saladkit.training.trainer import SaladTrainer

# With several processes, what holds the process group lives as long as the process. Gloo's destructor joins its threads
# and holds the GIL, for which one of them may be waiting to let go of its last work: the finished process then never
# ends (seen once in some hundred runs).
_UNTIL_EXIT: list[torch.nn.Module] = []


class ProgressOnStderr(ProgressCallback):
    """Show transformers' progress bar; its own class writes the log to stdout, where the command's summary goes."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict | None = None,
        **kwargs: object,
    ) -> None:
        """Write the log entry to stderr."""
        if state.is_world_process_zero and self.training_bar is not None:
            self.training_bar.write(json.dumps(logs), file=sys.stderr)


class LogSavedSteps(TrainerCallback):
    """Log the two steps whose weights are kept, the last before the decay and the last: logging detects divergence."""

    def __init__(self, stable_steps: int):
        self.stable_steps = stable_steps

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> TrainerControl:
        """Ask the trainer to log these two steps."""
        control.should_log |= state.global_step in (self.stable_steps, state.max_steps)
        return control


def train(
    model: SaladForCausalLM,
    saver: CheckpointSaver,
    schedule: TrainingSchedule,
    teacher: TeacherSignal | None,
    settings: TrainingSettings,
    folder: Path,
    *,
    packed: bool,
    device: str,
    keep_stable: bool,
    moments: Path | None = None,
    pace: PaceMeter | None = None,
) -> list[dict[str, float]]:
    """Train from the start or from the last saved state, and write the checkpoint's files to `folder`.

    Writes what `saver` saves, `metrics.jsonl` and, with `keep_stable`, `stable/`. The run resumes from the last state
    in `training/`; without one, it starts from `settings.resume_from_checkpoint`, if that is given. The states stay
    in `training/`, as the run may be interrupted until the manifest is written.

    Args:
        packed: whether rows are put together on lines.
        moments: Adam's moments (`training/moments.py`) that a run from the start begins with; None for none.
        pace: measures the steps; None if nobody asks.

    Returns:
        The log: the losses, and what was read of every source, over the steps between two entries.

    Raises:
        SaladError: the training diverges, or does not fit the memory.
    """
    states, callbacks = folder / STATES, _callbacks(settings, saver, folder, keep_stable=keep_stable)
    callbacks += [] if moments is None else [BeginWithMoments(moments)]
    callbacks += [] if pace is None else [pace]
    trainer = SaladTrainer(
        teacher=teacher,
        settings=settings,
        sources=[source.name for source in schedule.sources],
        measured=measured_names(schedule.sources),
        packed=packed,
        model=model,
        args=training_arguments(settings, states, device),
        train_dataset=schedule,
        processing_class=saver.processor.tokenizer,
        callbacks=callbacks,
    )
    trainer.remove_callback(ProgressCallback)
    if not is_quiet():
        trainer.add_callback(ProgressOnStderr)
    _run(trainer, states, settings)
    saver.save(model, folder)
    metrics = _log_of(trainer)
    if is_main_process():
        with written_aside(folder / METRICS) as aside:
            aside.write_text("".join(json.dumps(entry) + "\n" for entry in metrics))
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()  # closes the process group
    if processes() > 1:
        _UNTIL_EXIT.append(trainer.model_wrapped)
    return metrics


def _run(trainer: SaladTrainer, states: Path, settings: TrainingSettings) -> None:
    """Train to the last step; raise a SaladError if it diverges or does not fit the memory."""
    try:
        with redirect_stdout(sys.stderr):  # trackio prints to stdout, where only the command's summary belongs
            own = last_saved_state(states)
            trainer.train(resume_from_checkpoint=str(own) if own else settings.resume_from_checkpoint)
    except torch.OutOfMemoryError as error:
        raise out_of_memory(error) from error
    if not trainer.weights_are_finite():
        raise diverged(settings.max_steps, [], "the weights are not finite", last_saved_state(states))


def _callbacks(
    settings: TrainingSettings, saver: CheckpointSaver, folder: Path, *, keep_stable: bool
) -> list[TrainerCallback]:
    """Return the callbacks of a run; bring `stable/` along if the run resumes from a state after the decay began."""
    callbacks: list[TrainerCallback] = [LogSavedSteps(stable_steps(settings))]
    resumed = settings.resume_from_checkpoint
    if keep_stable and resumed is not None and is_past_stable(resumed, settings):
        bring_stable(resumed, folder / STABLE)
    elif keep_stable:
        step, keep_moments = stable_steps(settings), settings.keeps_moments()
        callbacks.append(KeepStableCheckpoint(folder / STABLE, step, saver, keep_moments=keep_moments))
    if settings.report_to == "tensorboard" and is_main_process():
        from torch.utils.tensorboard import SummaryWriter

        # Its own default folder lies in `training/`, which is removed at the end.
        callbacks.append(TensorBoardCallback(SummaryWriter(folder / LOGS)))
    return callbacks


def training_arguments(settings: TrainingSettings, states: Path, device: str) -> TrainingArguments:
    """Return the arguments of transformers' trainer; `states` is the folder of saved states."""
    arguments = TrainingArguments(
        output_dir=str(states),
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        learning_rate=settings.learning_rate,
        max_grad_norm=settings.max_grad_norm,
        logging_steps=settings.logging_steps,
        logging_nan_inf_filter=False,
        save_steps=settings.save_steps,
        save_total_limit=1,
        bf16=settings.bf16,
        activation_checkpointing=settings.gradient_checkpointing,
        torch_compile=settings.torch_compile,
        seed=settings.seed,
        use_cpu=device == "cpu",
        ddp_find_unused_parameters=True,  # a batch without speech does not run the adapter
        report_to="none" if settings.report_to == "tensorboard" else settings.report_to,
        remove_unused_columns=False,
        train_sampling_strategy="sequential",
        dataloader_pin_memory=device != "cpu",
        label_names=["labels"],
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # DataParallel would cut flat positions and spans by rows
    return arguments


def _log_of(trainer: SaladTrainer) -> list[dict[str, float]]:
    """Return the logged steps, names sorted: a resumed run has read its earlier entries from a file that is sorted."""
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    return [{name: entry[name] for name in sorted(entry) if name != "epoch"} for entry in steps]
