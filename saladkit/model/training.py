"""Training by `transformers.Trainer`: the loss, the two learning rates, the checkpoint before the decay."""

import json
import math
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from transformers import (
    Trainer,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.integrations import TensorBoardCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import ProgressCallback

from saladkit.errors import SaladError
from saladkit.formats.artefact import written_aside
from saladkit.formats.checkpoint import LOGS, METRICS, STABLE
from saladkit.model.dataset import TrainingExample, TrainingSchedule
from saladkit.model.lexical import lexical_loss
from saladkit.model.salad import SaladForCausalLM, SaladOutput
from saladkit.model.saving import CheckpointSaver, KeepStableCheckpoint
from saladkit.model.sequence import collate_names, collate_sequences
from saladkit.teacher.losses import distillation_loss
from saladkit.teacher.signals import TeacherSignal

LOGGED = ("loss", "distillation", "lexical", "learning_rate", "grad_norm")


@dataclass(frozen=True)
class TrainingOptions:
    """The settings of a run that change its result; names as in transformers.TrainingArguments where it has them."""

    max_steps: int
    per_device_train_batch_size: int
    learning_rate: float
    adapter_learning_rate: float
    gradient_accumulation_steps: int = 1
    weight_decay: float = 0.1
    warmup_steps: int = 500
    decay_fraction: float = 0.2  # the share of steps, the last ones, in which the rate falls linearly to 0
    alpha: float = 1.0
    lexical_weight: float = 0.0
    lexical_steps: int = 0  # of max_steps, the first ones, in which the lexical loss is all there is
    lexical_learning_rate: float | None = None  # of encoder and adapter in those steps; None: adapter_learning_rate
    logging_steps: int = 10
    save_steps: int = 500
    bf16: bool = False
    seed: int = 0
    gradient_checkpointing: bool = False
    torch_compile: bool = False

    @property
    def decay_steps(self) -> int:
        """Steps of the decay, at least one."""
        return max(1, math.floor((self.max_steps - self.lexical_steps) * self.decay_fraction))

    def rate(self, step: int, *, llm: bool) -> float:
        """The learning rate at `step` (from 0), of the language model or of encoder and adapter.

        Warm-up, constant, linear decay. The language model's begins after the lexical steps; in these, encoder and
        adapter go to `lexical_learning_rate` and over the last third come down to `adapter_learning_rate`.
        """
        base = self.learning_rate if llm else self.adapter_learning_rate
        begun = step - self.lexical_steps if llm else step
        warm = min(1.0, begun / max(1, self.warmup_steps)) if begun >= 0 else 0.0
        if not llm and step < self.lexical_steps and self.lexical_learning_rate is not None:
            fall = math.ceil(self.lexical_steps / 3)
            left = min(1.0, (self.lexical_steps - step) / fall)
            return warm * (base + left * (self.lexical_learning_rate - base))
        return warm * base * min(1.0, max(0, self.max_steps - step) / self.decay_steps)


@dataclass(frozen=True)
class Collator:
    """Examples -> one batch of tensors, and beside it what the teacher and the lexical loss are asked."""

    lexical: bool

    def __call__(self, examples: list[TrainingExample]) -> dict:
        sequences = [example.sequence for example in examples]
        targets = [sequence.targets for sequence in sequences]
        token_ids = [example.token_ids for example in examples]
        wanted = [tokens[target] for tokens, target in zip(token_ids, targets, strict=True)]
        batch = {"model": collate_sequences(sequences), "token_ids": token_ids, "targets": targets}
        batch["labels"] = torch.cat([torch.from_numpy(ids.astype("int64")) for ids in wanted])
        if self.lexical:
            batch["names"] = collate_names(sequences)
        return batch


class SaladTrainer(Trainer):
    """transformers.Trainer with the method's loss, two learning rates and a schedule that is read in its own order."""

    def __init__(self, *, teacher: TeacherSignal | None, options: TrainingOptions, **kwargs):
        super().__init__(data_collator=Collator(options.lexical_weight > 0), **kwargs)
        self.teacher, self.options = teacher, options
        self.model_accepts_loss_kwargs = False
        self._parts: dict[str, list[torch.Tensor]] = {}

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW; encoder and adapter at one rate, the language model at another; only matrices decay."""
        decayed = set(self.get_decay_parameter_names(self.model))
        groups: dict[tuple[bool, bool], list] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                decays = name in decayed and parameter.ndim > 1
                groups.setdefault((name.startswith("language_model."), decays), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [
                {"params": group, "llm": is_llm, "weight_decay": self.args.weight_decay if decays else 0.0}
                for (is_llm, decays), group in groups.items()
            ],
            lr=1.0,  # the schedule's values are the rates themselves
        )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LambdaLR:
        """`TrainingOptions.rate` for each group."""
        if self.lr_scheduler is None:
            optimizer = self.optimizer if optimizer is None else optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer, [partial(self.options.rate, llm=group["llm"]) for group in optimizer.param_groups]
            )
        return self.lr_scheduler

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, SaladOutput]:
        """Mean over the batch's text positions, plus the weighted lexical loss, mean over its heard tokens."""
        outputs = model(**inputs["model"])
        loss = 0.0 * next(model.parameters()).sum()  # a batch may hold nothing to learn from: rows of one word
        if outputs.logits is not None:
            teacher = None
            if self.options.alpha > 0:
                teacher = self.teacher.distributions(inputs["token_ids"], inputs["targets"], outputs.logits.device)
            loss = distillation_loss(teacher, outputs.logits, inputs["labels"], self.options.alpha).mean()
            self._note("distillation", loss)
        if self.options.lexical_weight > 0 and outputs.speech_vectors is not None:
            table = self.accelerator.unwrap_model(model).get_input_embeddings().weight
            lexical = lexical_loss(outputs.speech_vectors, table, inputs["names"])
            self._note("lexical", lexical)
            loss = loss + self.options.lexical_weight * lexical
        return (loss, outputs) if return_outputs else loss

    def _note(self, name: str, value: torch.Tensor) -> None:
        self._parts.setdefault(name, []).append(value.detach())

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means of the loss's parts since the last log.

        Raises:
            SaladError: one of them is not finite. No state is saved from then on: saving comes after logging.
        """
        if "loss" in logs:
            logs = logs | {name: torch.stack(values).mean().item() for name, values in self._parts.items()}
            self._parts.clear()
            if not all(math.isfinite(value) for value in logs.values()):
                raise diverged(self.state.global_step)
        super().log(logs, start_time)


def diverged(step: int) -> SaladError:
    """What a training ends with whose loss or weights are not finite."""
    return SaladError(
        f"the training has diverged: at step {step} the loss or the weights are not finite",
        "Lower --learning-rate or --adapter-learning-rate or give more --warmup-steps, and --overwrite.",
    )


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


def last_saved_state(folder: Path) -> Path | None:
    """The last state that was saved whole; transformers writes `trainer_state.json` last."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{TRAINER_STATE_NAME}")]
    return max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


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
) -> dict:
    """Train, or go on from the last saved step, and leave the checkpoint's files in `folder`.

    Writes what `saver` does, `metrics.jsonl` and, with `keep_stable`, `stable/`.
    The state for resuming stands in `training/` until the run is complete.

    Returns:
        The last logged values of the loss and its parts.

    Raises:
        SaladError: the loss or the weights are no longer finite.
    """
    state_folder = folder / "training"
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
        report_to="none" if report_to == "tensorboard" else report_to,
        remove_unused_columns=False,
        train_sampling_strategy="sequential",
        dataloader_pin_memory=device != "cpu",
        label_names=["labels"],
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # DataParallel would cut flat positions and spans by rows
    callbacks = []
    if keep_stable:
        callbacks.append(KeepStableCheckpoint(folder / STABLE, options.max_steps - options.decay_steps, saver))
    if report_to == "tensorboard":  # its own place would go with the state
        from torch.utils.tensorboard import SummaryWriter

        callbacks.append(TensorBoardCallback(SummaryWriter(folder / LOGS)))
    trainer = SaladTrainer(
        teacher=teacher,
        options=options,
        model=model,
        args=arguments,
        train_dataset=schedule,
        processing_class=saver.processor.tokenizer,
        callbacks=callbacks,
    )
    trainer.remove_callback(ProgressCallback)
    trainer.add_callback(ProgressOnStderr)
    trainer.train(resume_from_checkpoint=last_saved_state(state_folder))
    if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        raise diverged(options.max_steps)
    saver.save(model, folder)
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    metrics = [{"step": entry["step"]} | {name: entry[name] for name in LOGGED if name in entry} for entry in steps]
    with written_aside(folder / METRICS) as aside:
        aside.write_text("".join(json.dumps(entry) + "\n" for entry in metrics))
    shutil.rmtree(state_folder)
    return metrics[-1] if metrics else {}
