"""`transformers.Trainer` with the method's loss, two learning rates, and the parts of the loss in its log."""

import math
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import torch
from transformers import Trainer

from saladkit.model.language_model import SaladOutput
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.schedule import TrainingSchedule
from saladkit.settings.training import TrainingSettings
from saladkit.teacher.distributions import Distributions
from saladkit.teacher.head import LossRequest
from saladkit.teacher.rollout_loss import RolloutRequest
from saladkit.teacher.signals import TeacherSignal, doubled_at
from saladkit.training.collation import IGNORED, Collator
from saladkit.training.faults import check_sane
from saladkit.training.learning_rates import learning_rate
from saladkit.training.lexical_loss import lexical_loss, named_times
from saladkit.training.loss_meter import LossMeter
from saladkit.training.optimizer import make_optimizer
from saladkit.training.phoneme_loss import phoneme_loss
from saladkit.training.rollout_meter import RolloutMeter
from saladkit.training.saved_states import last_saved_state
from saladkit.training.sharding import are_finite, run_in_step, whole
from saladkit.training.spoken_tokens import SpokenTokens


class SaladTrainer(Trainer):
    """transformers.Trainer with the method's loss and two learning rates; the schedule is read in its own order."""

    model: SaladForCausalLM
    train_dataset: TrainingSchedule
    optimizer: torch.optim.Optimizer  # None until `create_optimizer`, which runs before any other method here reads it

    def __init__(
        self,
        *,
        teacher: TeacherSignal | None,
        settings: TrainingSettings,
        sources: list[str],
        packed: bool,
        model: SaladForCausalLM,
        measured: list[str] | None = None,
        **kwargs: Any,
    ):
        doubled = doubled_at(model.language_model.config) if packed else None
        super().__init__(model=model, data_collator=Collator(settings, doubled), **kwargs)
        self.teacher, self.settings = teacher, settings
        self.model_accepts_loss_kwargs = True  # so that text positions are counted over micro-batches and processes
        self._loss_shifts_labels = False  # they are one flat list, without the first token of any row
        self.meter, self.rollouts = LossMeter(sources), RolloutMeter(measured or [])
        self.named: torch.Tensor | None = None  # how often each of them is named in a step; None if none is
        self.phonemes: torch.Tensor | None = None  # how many phonemes are named in a step; None if none is
        if self.is_fsdp_enabled:
            run_in_step(self.model, self.accelerator.state.fsdp_plugin, bf16=self.args.bf16)

    @cached_property
    def spoken(self) -> SpokenTokens:
        """The tokens that the speech of this training can name; found when a step has a lexical loss."""
        return SpokenTokens.of(self.train_dataset.sources)

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Make AdamW with one rate for encoder and adapter and one for the language model (`make_optimizer`)."""
        self.optimizer = make_optimizer(self.model, self.settings, self.get_decay_parameter_names(self.model))
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
        """Take the moments from the state that is resumed, and all else from this run's settings."""
        super()._load_optimizer_and_scheduler(checkpoint)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.state.global_step, llm=group["llm"])
            group["weight_decay"] = self.settings.weight_decay * group["decays"]
            group["betas"] = (self.settings.adam_beta1, self.settings.adam_beta2)
            group["eps"] = self.settings.adam_epsilon
        self.state.compute_steps(self.args, self.args.max_steps)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, SaladOutput]:
        """Return the mean over the text positions of the whole step, plus the weighted lexical loss.

        Both are means over all micro-batches and processes of the step, so that it does not matter how its rows are
        shared out.
        """
        requests = self._loss_requests(inputs)
        outputs = model(**inputs["model"], requests=requests)
        processes = self.accelerator.num_processes  # their gradients are averaged; the loss's parts are to be added
        loss = outputs.loss
        if requests:
            counted = (inputs["labels"] != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
            loss = loss * (processes / torch.as_tensor(counted).clamp(min=1))  # a step may have no position with a loss
            alone = [(part.token_ids >= 0).sum() for part in requests if part.alpha < 1]
            followed = [len(part) for part in requests if part.alpha > 0 and not isinstance(part, RolloutRequest)]
            self.meter.add_parts(outputs.divergence, sum(followed), outputs.nll, sum(alone))
            self.rollouts.add(requests, inputs)
        if self.named is not None:
            lexical = self._lexical_loss(model, outputs, inputs["lexical_targets"], self.named)
            loss = loss + self.settings.lexical_weight * lexical * processes
        if self.phonemes is not None and outputs.phoneme_logits is not None:
            phonemes = phoneme_loss(outputs.phoneme_logits, inputs["phonemes"], self.phonemes)
            self.meter.add_auxiliary("phoneme", phonemes)
            loss = loss + self.settings.phoneme_loss_weight() * phonemes * processes
        self.meter.add_places(inputs["places"], inputs["model"]["input_ids"].numel())
        self.meter.add_batch(self.state.global_step + 1, inputs["ids"], inputs["read"], loss)
        return (loss, outputs) if return_outputs else loss

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, torch.Tensor | int | None]:
        """Return the micro-batches of a step, and its number of text positions; count what is named in it."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.named = self.phonemes = None
        if self.settings.lexical_weight > 0 and batches:
            targets = [self.spoken.places(batch["lexical_targets"]) for batch in batches]
            named = self._total(named_times(targets, len(self.spoken)).to(device))
            if named.any():
                self.named = named
                self.meter.add_step_of("lexical")
            self.phonemes = self._count_phonemes(batches, device)
        return batches, items

    def _count_phonemes(self, batches: list[dict], device: torch.device) -> torch.Tensor | None:
        """Return how many phonemes are named in a step, in all processes; None if none is."""
        counts = [(batch["phonemes"] >= 0).sum() for batch in batches if batch["phonemes"] is not None]
        named = self._total(torch.stack([torch.zeros((), dtype=torch.int64), *counts]).sum().to(device))
        if not named:
            return None
        self.meter.add_step_of("phoneme")
        return named

    def _lexical_loss(
        self, model: torch.nn.Module, outputs: SaladOutput, targets: torch.Tensor, named: torch.Tensor
    ) -> torch.Tensor:
        """Return this batch's share of the step's lexical loss; all processes call this together."""
        table = whole(self.accelerator.unwrap_model(model).get_input_embeddings().weight)
        vectors = outputs.speech_vectors
        if vectors is None:
            vectors = table.new_zeros(*targets.shape, table.shape[1])
        embeddings = table.detach()[self.spoken.token_ids.to(table.device)]
        lexical = lexical_loss(vectors, embeddings, self.spoken.places(targets), named)
        self.meter.add_auxiliary("lexical", lexical)
        return lexical

    def _sum_over_processes(self, count: int) -> int:
        if self.accelerator.num_processes == 1:
            return count
        return int(self._total(torch.tensor(count, device=self.accelerator.device)))

    def _loss_requests(self, inputs: dict) -> list[LossRequest]:
        """Return the losses of rows that follow the teacher, of rollouts, and of rows that follow their own text."""
        labels, settings = inputs["labels"], self.settings
        followed, rollouts = inputs["followed"], inputs["rollouts"]
        vocabulary = self.teacher.vocabulary if self.teacher is not None else None
        counts = [len(targets) for targets in inputs["targets"]]
        first, last = sum(counts[:followed]), sum(counts[: followed + rollouts])
        teacher = self._teacher(inputs, slice(0, followed)) if settings.alpha > 0 else None
        kind, temperature = settings.divergence, settings.temperature
        measured = (
            labels.new_zeros(first, dtype=torch.float32) if self.rollouts.sources and teacher is not None else None
        )
        requests = [
            LossRequest(teacher, labels[:first], settings.alpha, kind, temperature, vocabulary, measured),
            LossRequest(None, labels[last:], 0.0, vocabulary=vocabulary),
        ]
        if last > first:
            of_rollouts = RolloutRequest(
                self._teacher(inputs, slice(followed, followed + rollouts)),
                labels[first:last],
                kind=settings.loss_of_rollouts(),
                temperature=temperature,
                vocabulary=vocabulary,
                measured=labels.new_zeros(last - first, dtype=torch.float32),
                behaviour=inputs["log_probs"],
                figures=labels.new_full((last - first, 3), math.nan, dtype=torch.float32),
            )
            requests.insert(1, of_rollouts)
        return [part for part in requests if len(part)]

    def _teacher(self, inputs: dict, rows: slice) -> Distributions | None:
        """Return the teacher's distributions of some rows of a batch; None without targets or without a teacher."""
        token_ids, targets = inputs["token_ids"][rows], inputs["targets"][rows]
        if self.teacher is None or not sum(map(len, targets)):
            return None
        with self.accelerator.autocast():
            return self.teacher.distributions(token_ids, targets, inputs["labels"].device)

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
            logs = logs | self.rollouts.means(self._total, self.accelerator.device)
            first = next((entry for entry in self.state.log_history if "distillation" in entry), {})
            vocabulary = self.model.config.text_config.vocab_size
            states = Path(cast(str, self.args.output_dir))  # transformers has replaced None by a default
            check_sane(logs, first, vocabulary, batches, last_saved_state(states))
        super().log(logs, start_time)
