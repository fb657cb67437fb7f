"""The learning rates over the steps of a training: linear warm-up, constant, linear decay to 0."""

import math

from saladkit.settings.training import TrainingSettings


def decay_steps(max_steps: int, lexical_steps: int, share: float) -> int:
    """Return the number of steps of the decay, at least one: a share of the steps that distil."""
    return max(1, math.floor((max_steps - lexical_steps) * share))


def stable_steps(settings: TrainingSettings) -> int:
    """Return the number of steps before the decay."""
    return settings.max_steps - decay_steps(settings.max_steps, settings.lexical_steps, settings.decay_share())


def learning_rate(settings: TrainingSettings, step: int, *, llm: bool) -> float:
    """Return the learning rate at `step` (from 0), of the language model or of encoder and adapter.

    The language model's warm-up begins after the lexical steps. In the lexical steps, encoder and adapter warm up to
    `lexical_learning_rate`, and over the last third of these steps come down to `adapter_learning_rate`.
    """
    base = settings.learning_rate if llm else settings.adapter_learning_rate
    begun = step - settings.lexical_steps if llm else step
    warm = min(1.0, begun / settings.warm_up) if settings.warm_up else 1.0
    warm = warm if begun >= 0 else 0.0
    if not llm and step < settings.lexical_steps and settings.lexical_learning_rate is not None:
        fall = math.ceil(settings.lexical_steps / 3)
        left = min(1.0, (settings.lexical_steps - step) / fall)
        return warm * (base + left * (settings.lexical_learning_rate - base))
    decay = settings.max_steps - stable_steps(settings)
    return warm * base * min(1.0, max(0, settings.max_steps - step) / decay)
