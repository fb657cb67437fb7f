"""What a training will take, from one that was measured: `--dry-run --measured FOLDER --for-processes N`."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import SUMMARY
from saladkit.formats.checkpoint import STAGES
from saladkit.formats.files import read_json
from saladkit.rows.schedule import TrainingSchedule
from saladkit.training.pace import GPU_MEMORY, PACE, PHASES


def foresee(schedule: TrainingSchedule, measured: str | None) -> dict:
    """Return processes, positions per second, hours and memory of the training with this schedule.

    Each process is taken to be as fast as those of the measured training. What more processes than there say to each
    other is not counted, so hours are a lower bound for them.

    Args:
        measured: folder of a finished training of the same model on the same kind of machine; None for none.

    Raises:
        SaladError: it is no finished training, or has no steps of a kind that this one has.
    """
    if measured is None:
        return {}
    summary = _summary(Path(measured))
    pace, share = summary[PACE], schedule.shape.processes / summary["processes"]
    seconds, positions = 0.0, 0.0
    for lexical, phase in schedule.phases.items():
        if not pace.get(PHASES[lexical]):
            raise SaladError(
                f"{measured} has no {PHASES[lexical]} steps whose time was measured, and this training has some",
                "Give a --measured training with at least two such steps.",
            )
        positions += phase.expected_positions()
        seconds += phase.expected_positions() / (pace[PHASES[lexical]] * share)
    memory = {name: summary[name] for name in ("peak_memory_bytes", GPU_MEMORY) if name in summary}
    return {
        "processes": schedule.shape.processes,
        "predicted_positions_per_second": round(positions / seconds, 1),
        "training_hours": round(seconds / 3600, 4),
        "of_each_process": memory,
    }


def _summary(measured: Path) -> dict:
    """Return the summary of a finished training."""
    if not (measured / SUMMARY).is_file():
        raise SaladError(
            f"--measured {measured} has no {SUMMARY}", "Give the output folder of a finished `distill` or `align`."
        )
    summary = read_json(measured / SUMMARY)
    pace, count = summary.get(PACE), summary.get("processes")
    known = isinstance(pace, dict) and all(isinstance(rate, float) and rate > 0 for rate in pace.values())
    if summary.get("command") not in STAGES or not known or not isinstance(count, int) or count < 1:
        raise SaladError(
            f"--measured {measured} does not say how fast its training was",
            "Give the output folder of a `distill` or `align` that this saladkit has run.",
        )
    return summary
