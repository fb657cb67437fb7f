"""Detect a training run that diverges or runs out of memory, and report what to change."""

import math
from pathlib import Path

import torch

from saladkit.errors import SaladError, first_line

# A divergence has exploded if it is above both bounds. A student that predicts all V tokens alike is at most ln V nats
# from its teacher.
EXPLODED = 10.0  # times the first logged divergence
BEYOND_GUESSING = 3.0  # times ln V


def check_sane(
    logs: dict[str, float],
    first: dict[str, float],
    vocabulary: int,
    batches: list[tuple[int, list[str], torch.Tensor]],
    last_state: Path | None,
) -> None:
    """Raise a SaladError if a logged value is not finite, or the divergence has exploded.

    Args:
        first: the first log entry of the run that has a divergence; empty if there is none yet.
        batches: step, row ids and loss of every batch since the last log entry.
        last_state: the last state that was saved.
    """
    losses = torch.stack([loss.float() for _, _, loss in batches]).tolist()
    if not all(math.isfinite(value) for value in [*logs.values(), *losses]):
        at = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses) - 1)
        raise diverged(batches[at][0], batches[at][1], "the loss or the gradient is not finite", last_state)
    bound = max(EXPLODED * first.get("distillation", math.inf), BEYOND_GUESSING * math.log(vocabulary))
    if logs.get("distillation", 0.0) > bound:
        at = max(range(len(losses)), key=losses.__getitem__)
        raise diverged(batches[at][0], batches[at][1], f"the loss is {losses[at]:.3g}", last_state)


def diverged(step: int, ids: list[str], what: str, last_state: Path | None) -> SaladError:
    """Return the error for a training run that has diverged."""
    named = ", ".join(f"'{id_}'" for id_ in ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
    rows = f" (rows {named})" if ids else ""
    good = "no state was saved before" if last_state is None else f"the last good state is {last_state}"
    again = "" if last_state is None else f" To resume, give --resume-from-checkpoint {last_state} and another -o."
    return SaladError(
        f"the training has diverged: at step {step} {what}{rows}; {good}",
        f"Lower --learning-rate or --adapter-learning-rate, raise --warmup-steps, or check these rows.{again}",
    )


def out_of_memory(error: Exception) -> SaladError:
    """Return the error for a training run that does not fit the device's memory."""
    return SaladError(
        f"the training does not fit the device's memory: {first_line(error)}",
        "Lower --per-device-train-batch-size and raise --gradient-accumulation-steps by the same factor, or give "
        "--gradient-checkpointing, --bf16, --lora-rank, or a smaller --max-length.",
    )
