"""Accuracies, gaps and contrasts over the runs of several seeds."""

from dataclasses import dataclass

from saladkit.reporting.groups import Group
from saladkit.reporting.run_answers import RunAnswers, points
from saladkit.scoring.seeds import OverSeeds, Strata, accuracy_over_seeds, over_seeds
from saladkit.scoring.statistics import holm


@dataclass(frozen=True)
class SeedsTable:
    """The figures of one group by one measure. Accuracies are fractions, gaps and contrasts points.

    Attributes:
        text: accuracy of the text LLM on text input.
        speech: accuracy of each model on speech input, by its name.
        gaps: accuracy of the text LLM on text minus that of each model on speech, by its name.
        contrasts: difference of two models on speech input, by the contrast's key.
        p: of each contrast's t test over seeds, corrected by Holm's method for the contrasts of the table; None where
            there is no t interval.
    """

    text: OverSeeds
    speech: dict[str, OverSeeds]
    gaps: dict[str, OverSeeds]
    contrasts: dict[str, OverSeeds]
    p: dict[str, float | None]


@dataclass(frozen=True)
class SeedsFindings:
    """The figures over several seeds, by measure and group."""

    seeds: int
    tables: dict[str, dict[Group, SeedsTable]]


def compute_seeds(runs: list[RunAnswers], pairs: dict[str, tuple[str, str]]) -> SeedsFindings:
    """Compute the figures over seeds; questions are paired within each seed.

    Args:
        runs: of one recipe with different seeds, as `check_same_recipe` wants them.
        pairs: the models of each contrast by its key.
    """
    first = runs[0]
    tables = {
        measure: {group: _table(runs, pairs, measure, group) for group in first.items.compared()}
        for measure in first.measures
    }
    return SeedsFindings(len(runs), tables)


def _table(runs: list[RunAnswers], pairs: dict[str, tuple[str, str]], measure: str, group: Group) -> SeedsTable:
    text = [run.right(run.teacher, "text", measure, group) for run in runs]
    speech = {
        model.name: [run.right(run.of(model.name), "speech", measure, group) for run in runs]
        for model in runs[0].models
    }
    gaps = {name: over_seeds(_points(text, right)) for name, right in speech.items()}
    contrasts = {key: over_seeds(_points(speech[one], speech[other])) for key, (one, other) in pairs.items()}
    known = {key: found.p for key, found in contrasts.items() if found.p is not None}
    corrected = dict(zip(known, holm(list(known.values())), strict=True))
    return SeedsTable(
        accuracy_over_seeds(text),
        {name: accuracy_over_seeds(right) for name, right in speech.items()},
        gaps,
        contrasts,
        {key: corrected.get(key) for key in pairs},
    )


def _points(first: list[Strata], second: list[Strata]) -> list[Strata]:
    return [points(one, other) for one, other in zip(first, second, strict=True)]
