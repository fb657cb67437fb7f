"""`transformers.Trainer` with the method's loss, two learning rates, and the parts of the loss in its log."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from transformers import Trainer

from saladkit.model.language_model import SaladOutput
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.sequences import Sequence, collate_lexical_targets, collate_sequences, pack_sequences
from saladkit.rows.tokens import NO_LABEL
from saladkit.rows.training_rows import TrainingExample
from saladkit.settings.training import TrainingSettings
from saladkit.teacher.head import LossRequest
from saladkit.teacher.signals import TeacherSignal
from saladkit.training.faults import check_sane
from saladkit.training.learning_rates import learning_rate
from saladkit.training.lexical_loss import lexical_loss
from saladkit.training.loss_meter import LossMeter
from saladkit.training.saved_states import last_saved_state
from saladkit.training.sharding import are_finite, run_in_step, whole

IGNORED = -100  # a label that transformers' Trainer does not count


@dataclass(frozen=True)
class Collator:
    """Makes one batch of examples: the model's tensors, and what teacher and lexical loss need.

    Rows that learn from the teacher come first, and `followed` is their number; then rows that learn from their own
    text alone, as replay may.
    """

    settings: TrainingSettings

    def __call__(self, examples: list[TrainingExample]) -> dict:
        alone = [self.settings.learns_from_text_alone(example.replay) for example in examples]
        examples = [examples[i] for i in sorted(range(len(examples)), key=alone.__getitem__)]
        sequences = [example.sequence for example in examples]
        batch = {
            "model": pack_sequences(sequences) if self.settings.packed else collate_sequences(sequences),
            "token_ids": [example.token_ids for example in examples],
            "targets": [sequence.targets for sequence in sequences],
            "rows": [(example.id, example.source, len(example.sequence.targets)) for example in examples],
            "followed": len(examples) - sum(alone),
            "places": sum(len(sequence) for sequence in sequences),
        }
        labels = [torch.from_numpy(example.labels()) for example in examples]
        batch["labels"] = self._with_ignored(torch.cat(labels), sequences[: batch["followed"]])
        if self.settings.lexical_weight > 0:
            targets = collate_lexical_targets(sequences)
            batch["lexical_targets"], batch["lexical_count"] = targets, int((targets >= 0).sum())
        return batch

    def _with_ignored(self, labels: torch.Tensor, followed: list[Sequence]) -> torch.Tensor:
        """Set labels to IGNORED where there is neither a label nor a teacher, so that there is no loss."""
        taught = sum(len(sequence.targets) for sequence in followed) if self.settings.alpha > 0 else 0
        labels[taught:].masked_fill_(labels[taught:] == NO_LABEL, IGNORED)
        return labels


class SaladTrainer(Trainer):
    """transformers.Trainer with the method's loss and two learning rates; the schedule is read in its own order."""

    model: SaladForCausalLM
    optimizer: torch.optim.Optimizer  # None until `create_optimizer`, which runs before any other method here reads it

    def __init__(self, *, teacher: TeacherSignal | None, settings: TrainingSettings, sources: list[str], **kwargs: Any):
        super().__init__(data_collator=Collator(settings), **kwargs)
        self.teacher, self.settings = teacher, settings
        self.model_accepts_loss_kwargs = True  # so that text positions are counted over micro-batches and processes
        self._loss_shifts_labels = False  # they are one flat list, without the first token of any row
        self.meter = LossMeter(sources)
        if self.is_fsdp_enabled:
            run_in_step(self.model, self.accelerator.state.fsdp_plugin, bf16=self.args.bf16)

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Make AdamW with one rate for encoder and adapter and one for the language model; only matrices decay."""
        decayed = set(self.get_decay_parameter_names(self.model))
        groups: dict[tuple[bool, bool], list] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                decays = name in decayed and parameter.ndim > 1
                groups.setdefault((name.startswith("language_model."), decays), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [
                {"params": group, "llm": is_llm, "decays": decays, "weight_decay": self.args.weight_decay * decays}
                for (is_llm, decays), group in groups.items()
            ],
            lr=1.0,  # the schedule's values are the rates themselves
        )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LambdaLR:
        """Give each group its `learning_rate`."""
        if self.lr_scheduler is None:
            optimizer = self.optimizer if optimizer is None else optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer, [partial(learning_rate, self.settings, llm=group["llm"]) for group in optimizer.param_groups]
            )
        return self.lr_scheduler

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Take the moments from the state that is resumed, and rates, decay and intervals from this run's settings."""
        super()._load_optimizer_and_scheduler(checkpoint)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.state.global_step, llm=group["llm"])
            group["weight_decay"] = self.args.weight_decay * group["decays"]
        self.state.compute_steps(self.args, self.args.max_steps)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, SaladOutput]:
        """Return the mean over the text positions of the whole step, plus the weighted lexical loss.

        The lexical loss is a mean over the spoken tokens of each micro-batch, of all processes, and then over
        the micro-batches.
        """
        requests = self._loss_requests(inputs)
        outputs = model(**inputs["model"], requests=requests)
        processes = self.accelerator.num_processes  # their gradients are averaged; the loss's parts are to be added
        loss = outputs.loss
        if requests:
            counted = (inputs["labels"] != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
            loss = loss * (processes / counted)
            alone = [(part.token_ids >= 0).sum() for part in requests if part.alpha < 1]
            followed = [len(part) for part in requests if part.alpha > 0]
            self.meter.add_parts(outputs.divergence, sum(followed), outputs.nll, sum(alone))
        if self.settings.lexical_weight > 0 and self._sum_over_processes(inputs["lexical_count"]) > 0:
            lexical = self._lexical_loss(model, outputs, inputs["lexical_targets"])
            share = processes / self.current_gradient_accumulation_steps
            loss = loss + self.settings.lexical_weight * lexical * share
        self.meter.add_places(inputs["places"], inputs["model"]["input_ids"].numel())
        self.meter.add_rows(self.state.global_step + 1, inputs["rows"], loss)
        return (loss, outputs) if return_outputs else loss

    def _lexical_loss(self, model: torch.nn.Module, outputs: SaladOutput, targets: torch.Tensor) -> torch.Tensor:
        """Return this process's share of the lexical loss; all processes call this together."""
        table = whole(self.accelerator.unwrap_model(model).get_input_embeddings().weight)
        vectors = outputs.speech_vectors
        if vectors is None:
            vectors = table.new_zeros(*targets.shape, table.shape[1])
        lexical = lexical_loss(vectors, table, targets, self._total)
        self.meter.add_lexical(lexical)
        return lexical

    def _sum_over_processes(self, count: int) -> int:
        if self.accelerator.num_processes == 1:
            return count
        return int(self._total(torch.tensor(count, device=self.accelerator.device)))

    def _loss_requests(self, inputs: dict) -> list[LossRequest]:
        """Return the losses to compute: of rows that follow the teacher, then of rows that follow their own text."""
        labels, settings = inputs["labels"], self.settings
        followed = inputs["followed"]
        count = sum(len(targets) for targets in inputs["targets"][:followed])
        teacher, vocabulary = None, self.teacher.vocabulary if self.teacher is not None else None
        if self.teacher is not None and settings.alpha > 0 and count:
            token_ids, targets = (inputs[name][:followed] for name in ("token_ids", "targets"))
            with self.accelerator.autocast():
                teacher = self.teacher.distributions(token_ids, targets, labels.device)
        kind, temperature = settings.divergence, settings.temperature
        requests = [
            LossRequest(teacher, labels[:count], settings.alpha, kind, temperature, vocabulary),
            LossRequest(None, labels[count:], 0.0, vocabulary=vocabulary),
        ]
        return [part for part in requests if len(part)]

    def _total(self, value: torch.Tensor) -> torch.Tensor:
        return self.accelerator.reduce(value.detach(), reduction="sum") if self.accelerator.num_processes > 1 else value

    def weights_are_finite(self) -> bool:
        """Return whether all weights are finite, in all processes."""
        return self._sum_over_processes(int(not are_finite(self.model))) == 0

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add to the log the parts of the loss, and what was read of every source, since the last log.

        Raises:
            SaladError: a loss is not finite, or has exploded. No state is saved from then on, because saving comes
                after logging.
        """
        if "loss" in logs:
            batches = self.meter.batches
            logs = logs | self.meter.means(self._total, self.accelerator.num_processes)
            first = next((entry for entry in self.state.log_history if "distillation" in entry), {})
            vocabulary = self.model.config.text_config.vocab_size
            states = Path(cast(str, self.args.output_dir))  # transformers has replaced None by a default
            check_sane(logs, first, vocabulary, batches, last_saved_state(states))
        super().log(logs, start_time)
