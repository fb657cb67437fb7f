"""Train and leave a checkpoint: what is saved when, and where a run that was cut off goes on."""

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
from saladkit.rows.schedule import TrainingSchedule
from saladkit.teacher.signals import TeacherSignal
from saladkit.training.faults import diverged, out_of_memory
from saladkit.training.options import TrainingOptions
from saladkit.training.saved_states import STATES, bring_stable, is_past_stable, last_saved_state
from saladkit.training.saving import CheckpointSaver, KeepStableCheckpoint
from saladkit.training.trainer import SaladTrainer

# Of several processes: what holds the process group lives as long as the process. Gloo's destructor joins its threads
# and holds the GIL, for which one of them may be waiting to let go of its last work: the finished process then never
# ends (seen once in some hundred runs).
_UNTIL_EXIT: list[torch.nn.Module] = []


class ProgressOnStderr(ProgressCallback):
    """transformers' progress bar; its own writes the log to stdout, where the command's summary goes."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict | None = None,
        **kwargs: object,
    ) -> None:
        """Called by the trainer."""
        if state.is_world_process_zero and self.training_bar is not None:
            self.training_bar.write(json.dumps(logs), file=sys.stderr)


class LogSavedSteps(TrainerCallback):
    """Log the step before the decay and the last, whose states are kept: what was seen until then, and a divergence."""

    def __init__(self, stable_steps: int):
        self.stable_steps = stable_steps

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> TrainerControl:
        """Called by the trainer."""
        control.should_log |= state.global_step in (self.stable_steps, state.max_steps)
        return control


def train(
    model: SaladForCausalLM,
    saver: CheckpointSaver,
    schedule: TrainingSchedule,
    teacher: TeacherSignal | None,
    options: TrainingOptions,
    folder: Path,
    *,
    device: str,
    report_to: str = "none",
    keep_stable: bool = True,
    resume_from: str | None = None,
) -> dict:
    """Train, or go on from the last saved step, and leave the checkpoint's files in `folder`.

    Writes what `saver` does, `metrics.jsonl` and, with `keep_stable`, `stable/`.
    The states for resuming stay in `training/`: until the manifest is written the run may be cut off.

    Args:
        resume_from: a saved state to go on from, where this run has none of its own yet.

    Returns:
        The last logged values of the loss and its parts.

    Raises:
        SaladError: the loss runs away, or the training does not fit the memory.
    """
    state_folder = folder / STATES
    arguments = TrainingArguments(
        output_dir=str(state_folder),
        max_steps=options.max_steps,
        per_device_train_batch_size=options.per_device_train_batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        logging_steps=options.logging_steps,
        logging_nan_inf_filter=False,
        save_steps=options.save_steps,
        save_total_limit=1,
        bf16=options.bf16,
        activation_checkpointing=options.gradient_checkpointing,
        torch_compile=options.torch_compile,
        seed=options.seed,
        use_cpu=device == "cpu",
        ddp_find_unused_parameters=True,  # a batch without speech does not run the adapter
        report_to="none" if report_to == "tensorboard" else report_to,
        remove_unused_columns=False,
        train_sampling_strategy="sequential",
        dataloader_pin_memory=device != "cpu",
        label_names=["labels"],
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # DataParallel would cut flat positions and spans by rows
    callbacks = [LogSavedSteps(options.stable_steps)]
    if keep_stable and resume_from is not None and is_past_stable(resume_from, options):
        bring_stable(resume_from, folder / STABLE)
    elif keep_stable:
        callbacks.append(KeepStableCheckpoint(folder / STABLE, options.stable_steps, saver))
    if report_to == "tensorboard" and is_main_process():  # its own place would go with the state
        from torch.utils.tensorboard import SummaryWriter

        callbacks.append(TensorBoardCallback(SummaryWriter(folder / LOGS)))
    trainer = SaladTrainer(
        teacher=teacher,
        options=options,
        sources=[source.name for source in schedule.sources],
        model=model,
        args=arguments,
        train_dataset=schedule,
        processing_class=saver.processor.tokenizer,
        callbacks=callbacks,
    )
    trainer.remove_callback(ProgressCallback)
    trainer.add_callback(ProgressOnStderr)
    try:
        with redirect_stdout(sys.stderr):  # trackio speaks where the command's summary alone goes
            trainer.train(resume_from_checkpoint=last_saved_state(state_folder) or resume_from)
    except torch.OutOfMemoryError as error:
        raise out_of_memory(error) from error
    if not trainer.weights_are_finite():
        raise diverged(options.max_steps, [], "the weights are not finite", last_saved_state(state_folder))
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    # Sorted: a resumed run has read its earlier entries from a file that is.
    metrics = [{name: entry[name] for name in sorted(entry) if name != "epoch"} for entry in steps]
    saver.save(model, folder)
    if is_main_process():
        with written_aside(folder / METRICS) as aside:
            aside.write_text("".join(json.dumps(entry) + "\n" for entry in metrics))
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()  # closes the process group
    if processes() > 1:
        _UNTIL_EXIT.append(trainer.model_wrapped)
    return metrics[-1] if metrics else {}
