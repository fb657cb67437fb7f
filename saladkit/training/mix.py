"""What each source has of a training: its shares of rows, positions and loss, and a note on a mix that is far off."""

import numpy as np

from saladkit.errors import SaladError
from saladkit.rows.schedule import TrainingSchedule
from saladkit.rows.training_rows import TrainingSource
from saladkit.training.loss_meter import READ, read_of

FAR_OFF = 0.5  # relative difference between a source's share of positions or loss and what it should have


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
    """Return a note if a source is far off its share of the weights, behind the lexical warm-up; else None.

    The steps of the warm-up read speech alone, and have no positions with a loss. Behind it:

    - with `--mix rows`, shares of positions differ as rows do in length;
    - with `--mix positions`, they are those of the weights, but a run of few rows or windows has whole ones only;
    - with both, a source may have few positions with a loss, because speech has none, nor has what users say.
    """
    phase, weights = schedule.phases[False], np.array([source.weight for source in schedule.sources])
    wanted = weights / weights.sum()
    found = (
        (phase.shares_of_positions(), "give --mix positions to share positions by weight"),
        (
            phase.shares_of_positions(in_run=True),
            "raise --max-steps or the batch: the run is too short for its weights",
        ),
    )
    for shares, fix in found:
        worst = int(np.argmax(np.abs(shares / wanted - 1)))
        if abs(shares[worst] / wanted[worst] - 1) > FAR_OFF:
            return _note(schedule.sources[worst], "positions", shares[worst], wanted[worst], fix)
    shares = phase.shares_of_loss()
    least = int(np.argmin(shares / wanted))
    if not shares.any() or shares[least] >= FAR_OFF * wanted[least]:
        return None
    source = schedule.sources[least]
    interleaved = source.draws_spans and not source.has_conversations
    fix = "raise its weight" + (", or shorten --speech-words: speech has no loss" if interleaved else "")
    return _note(source, "positions with a loss", shares[least], wanted[least], fix)


def _note(source: TrainingSource, what: str, share: float, wanted: float, fix: str) -> str:
    return (
        f"note: {source.name} will have {share:.1%} of the {what}, and its weight is {wanted:.1%} of all weights; {fix}"
    )
