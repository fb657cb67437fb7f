"""What a finished training says of its rollouts: the last figures of each source, and what deserves attention."""

from collections.abc import Sequence

from saladkit.formats.rollouts import LOST
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.training import TrainingSettings
from saladkit.training.loss_meter import read_of
from saladkit.training.rollout_meter import DIVERGENCE, FIGURES, TAIL_OF_TEACHER, logged_of, measured_names


def figures_of_rollouts(log: list[dict[str, float]], sources: Sequence[TrainingSource]) -> dict[str, dict[str, float]]:
    """Return the last logged figures by `measured_names`; of a training without rollouts none."""
    found = {}
    for source in measured_names(sources):
        names = {name: logged_of(source, name) for name in FIGURES}
        last = next((entry for entry in reversed(log) if names[DIVERGENCE] in entry), {})
        if of_source := {name: last[logged] for name, logged in names.items() if logged in last}:
            found[source] = of_source
    return found


def exposure_gaps(
    log: list[dict[str, float]], sources: Sequence[TrainingSource], settings: TrainingSettings
) -> dict[str, float]:
    """Return how much further from the teacher the student is on heard rollouts than on other speech, in nats a token.

    Both are means over the positions of the whole training, in which the student changes; and the other speech is
    interleaved, while a response follows one heard prompt. Empty where the two are not of one divergence, or other
    speech has none.
    """
    if settings.loss_of_rollouts() != settings.divergence:
        return {}
    speech = [source.name for source in sources if source.frames is not None and not source.is_rollouts]
    elsewhere = _mean_divergence(log, speech)
    own = {source.name: _mean_divergence(log, [source.name]) for source in sources if source.is_rollouts}
    return {name: mean - elsewhere for name, mean in own.items() if elsewhere is not None and mean is not None}


def _mean_divergence(log: list[dict[str, float]], sources: list[str]) -> float | None:
    """Return the mean over the positions of these sources in all entries of a log; None without any."""
    pairs = [
        (entry[name], entry[read_of(source, "loss positions")])
        for entry in log
        for source in sources
        if (name := logged_of(source, DIVERGENCE)) in entry
    ]
    positions = sum(count for _, count in pairs)
    return sum(mean * count for mean, count in pairs) / positions if positions else None


def notes_on_rollouts(figures: dict[str, dict[str, float]]) -> list[str]:
    """Return a note for each source of rollouts that the teacher is lost in."""
    return [
        f"note: 5% of the tokens of {name} have a log-probability below {of_source[TAIL_OF_TEACHER]:.1f} nats to the"
        " teacher, which no longer knows what it reads"
        for name, of_source in figures.items()
        if of_source.get(TAIL_OF_TEACHER, 0.0) < LOST
    ]
