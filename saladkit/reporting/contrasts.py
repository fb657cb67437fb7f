"""Differences between two models, paired by question."""

from dataclasses import dataclass

from saladkit.reporting.groups import ALL, UNHEARD, Group
from saladkit.reporting.result_names import contrast_key, without_common_prefix
from saladkit.reporting.run_answers import RunAnswers
from saladkit.scoring.statistics import Estimate, bootstrap_mean, holm, mcnemar


@dataclass(frozen=True)
class Difference:
    """Accuracy on speech input in one group, in points: the first model minus the second.

    Attributes:
        p: of McNemar's test, corrected by Holm's method for the contrasts that are compared in this group.
    """

    points: Estimate
    p: float


@dataclass(frozen=True)
class Contrast:
    """Two models, the first minus the second.

    Attributes:
        by: measure -> group -> difference.
        main: the group that the report's headline is about: unheard subjects where there are any.
    """

    first: str
    second: str
    by: dict[str, dict[Group, Difference]]
    main: Group

    @property
    def points(self) -> Estimate:
        """The difference of chosen answers in the main group."""
        return self.by["chosen"][self.main].points


def contrast_pairs(names: list[str], chosen: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, str]]:
    """Return the models of each contrast by its key: the chosen ones, or else each later model minus the first.

    Args:
        names: of all models.
        chosen: pairs of names, which are different.
    """
    if not chosen:
        short = zip(names[1:], without_common_prefix(names[1:]), strict=True)
        return {f"{later}_minus_{names[0]}": (name, names[0]) for name, later in short}
    keys = [contrast_key(*pair) for pair in chosen]
    whole = ["_minus_".join(pair) for pair in chosen]
    return {key if keys.count(key) == 1 else full: pair for key, full, pair in zip(keys, whole, chosen, strict=True)}


def compute_contrasts(answers: RunAnswers, pairs: dict[str, tuple[str, str]]) -> dict[str, Contrast]:
    """Return every contrast in every group; p-values are corrected for the contrasts of a group and measure."""
    by: dict[str, dict[str, dict[Group, Difference]]] = {key: {} for key in pairs}
    for measure in answers.measures:
        for group in answers.items.compared():
            right = {model.name: answers.right(model, "speech", measure, group) for model in answers.models}
            tests = [mcnemar(right[first].astype(bool), right[second].astype(bool)) for first, second in pairs.values()]
            corrected = holm([test.p for test in tests])
            for (key, (first, second)), p in zip(pairs.items(), corrected, strict=True):
                points = bootstrap_mean(100 * (right[first] - right[second]))
                by[key].setdefault(measure, {})[group] = Difference(points, p)
    main = UNHEARD if UNHEARD in answers.items.groups else ALL
    return {key: Contrast(first, second, by[key], main) for key, (first, second) in pairs.items()}
