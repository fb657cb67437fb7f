"""What a training run depends on, and its learning rates."""

import math
from dataclasses import dataclass


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
    divergence: str = "forward-kl"
    temperature: float = 1.0
    replay_loss: str = "kl"  # or nll: the text itself, without a teacher
    max_length: int = 2048
    packed: bool = False  # each device's rows in one, without padding
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

    @property
    def stable_steps(self) -> int:
        """Steps before the decay."""
        return self.max_steps - self.decay_steps

    def by_likelihood(self, replay: bool) -> bool:
        """Whether rows, of replay or not, learn from their own text alone."""
        return replay and self.replay_loss == "nll"

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
