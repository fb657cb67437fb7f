"""How fast a training runs: positions per second of its lexical steps and of all others, and the GPU's memory."""

import time

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from saladkit.rows.schedule import TrainingSchedule

PACE, GPU_MEMORY = "positions_per_second", "gpu_memory_bytes"  # entries of a training's summary
PHASES = {True: "lexical", False: "distilling"}  # whether a step is one of the lexical warm-up


class PaceMeter(TrainerCallback):
    """Measure the time between the ends of steps: with what belongs to a step on a GPU, and with saving states.

    The first step of a run is left out: there memory is allocated and code is compiled.
    """

    def __init__(self, schedule: TrainingSchedule):
        self._schedule, self._ended = schedule, 0.0
        self._seconds, self._steps = dict.fromkeys(PHASES, 0.0), dict.fromkeys(PHASES, 0)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Count the time since the end of the step before."""
        now, lexical = time.monotonic(), state.global_step <= self._schedule.lexical_steps
        if self._ended:
            self._seconds[lexical] += now - self._ended
            self._steps[lexical] += 1
        self._ended = now

    def figures(self) -> dict:
        """Return positions per second by phase, of all processes together; and on a GPU the memory of one process."""
        found: dict = {PACE: {}}
        for lexical, steps in self._steps.items():
            if steps:
                phase = self._schedule.phases[lexical]
                of_step = phase.expected_positions() / len(phase.counts)
                found[PACE][PHASES[lexical]] = round(of_step * steps / self._seconds[lexical], 1)
        if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
            found[GPU_MEMORY] = torch.cuda.max_memory_allocated()
        return found
