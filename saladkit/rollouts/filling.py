"""Fill an artefact of rollouts part by part, and predict how long that takes."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from saladkit.formats.rollouts import write_rollouts
from saladkit.rollouts.prompts import Prompt
from saladkit.rollouts.writer import RolloutWriter

ROLLOUTS_PER_PART = 256
PROBES = 3  # batches that are timed, from the shortest prompts to the longest


def parts_of(prompts: list[Prompt], samples: int) -> list[list[Prompt]]:
    """Divide prompts among the parts; batches never reach over a part, so parts do not depend on who makes them."""
    size = max(1, ROLLOUTS_PER_PART // samples)
    return [prompts[begin : begin + size] for begin in range(0, len(prompts), size)]


def fill_parts(
    parts: Iterable[tuple[list[Prompt], Path]], writer: RolloutWriter, advance: Callable[[int], object]
) -> int:
    """Write parts to their paths; return how many tokens were written.

    Raises:
        SaladError: as `RolloutWriter.rows`.
    """
    tokens = 0
    for prompts, path in parts:
        rows, largest = writer.rows(prompts, advance)
        tokens += sum(len(row["response_ids"]) for row in rows)
        write_rollouts(rows, path, largest)
    return tokens


def predict(writer: RolloutWriter, prompts: list[Prompt]) -> dict:
    """Return the seconds that all prompts take, from a few batches that are run."""
    ordered = sorted(prompts, key=lambda prompt: prompt.most_positions(writer.layout))
    size = max(1, writer.settings.batch_size // writer.settings.samples)
    last = max(0, len(ordered) - size)
    batches = [
        ordered[place : place + size] for place in sorted({round(i * last / (PROBES - 1)) for i in range(PROBES)})
    ]
    writer.rows(batches[0], lambda rows: None)  # warms up and does not count
    started, tokens = time.monotonic(), 0
    for batch in batches:
        tokens += sum(len(row["response_ids"]) for row in writer.rows(batch, lambda rows: None)[0])
    seconds = time.monotonic() - started
    timed = sum(map(len, batches))
    return {
        "predicted_seconds": round(seconds * len(prompts) / timed, 3),
        "predicted_tokens": round(tokens * len(prompts) / timed),
    }
