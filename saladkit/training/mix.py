"""What each source has of a training: its shares of rows, positions and loss, and a note on a mix that is far off."""

import numpy as np

from saladkit.errors import SaladError
from saladkit.rows.schedule import TrainingSchedule
from saladkit.training.loss_meter import READ, read_of

FAR_OFF = 0.5  # relative difference between a source's share of the positions and its share of the weights


def read_in_all(log: list[dict[str, float]], source: str) -> dict[str, int]:
    """Return what was read of a source by the end of a log, by the names of READ."""
    return {what: int(sum(entry[read_of(source, what)] for entry in log)) for what in READ}


def shares(log: list[dict[str, float]], sources: list[str]) -> dict[str, dict[str, float]]:
    """Return each source's share of the rows, of the positions, and of the positions with a loss."""
    read = {source: read_in_all(log, source) for source in sources}
    totals = {what: max(1, sum(counts[what] for counts in read.values())) for what in READ}
    names = {"rows": "rows", "positions": "positions", "loss": "loss positions"}
    return {
        source: {name: round(counts[what] / totals[what], 4) for name, what in names.items()}
        for source, counts in read.items()
    }


def check_mix(schedule: TrainingSchedule) -> None:
    """Raise a SaladError if a source has no positions in a run."""
    for source, items in zip(schedule.sources, schedule.items_of_sources(), strict=True):
        if not items:
            raise SaladError(
                f"{source.name} would never be read: its share of the run's {len(schedule)} rows or windows is too"
                " small",
                "Raise its weight (PATH:WEIGHT) or --max-steps, or leave this source out.",
            )


def note_on_mix(schedule: TrainingSchedule) -> str | None:
    """Return a note if a source will have far more or less of the positions than its weight asks; else None."""
    weights = np.array([source.weight for source in schedule.sources])
    wanted, expected = weights / weights.sum(), schedule.shares_of_positions()
    off = np.abs(expected / wanted - 1)
    worst = int(np.argmax(off))
    if off[worst] <= FAR_OFF:
        return None
    return (
        f"note: {schedule.sources[worst].name} will have {expected[worst]:.1%} of the positions, and its weight is"
        f" {wanted[worst]:.1%} of all weights; give --mix positions to share positions by weight"
    )
