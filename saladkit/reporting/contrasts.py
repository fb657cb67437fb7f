"""Differences between two models, paired by question."""

from dataclasses import dataclass

from saladkit.reporting.groups import Group
from saladkit.reporting.result_names import contrast_key, without_common_prefix
from saladkit.reporting.run_answers import RunAnswers, points
from saladkit.scoring.seeds import Strata, stratified_mean
from saladkit.scoring.statistics import Estimate, holm, mcnemar


@dataclass(frozen=True)
class Difference:
    """Accuracy on speech input in one group, in points: the first model minus the second.

    Attributes:
        p: of McNemar's test, corrected by Holm's method for the contrasts that are compared in this group; None for a
            mean of groups.
    """

    points: Estimate
    p: float | None


@dataclass(frozen=True)
class Contrast:
    """Two models, the first minus the second.

    Attributes:
        by: measure -> group -> difference.
        main: the group that the report's headline is about.
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


def compute_contrasts(answers: RunAnswers, pairs: dict[str, tuple[str, str]], main: Group) -> dict[str, Contrast]:
    """Return every contrast in every group; p-values are corrected for the contrasts of a group and measure."""
    by: dict[str, dict[str, dict[Group, Difference]]] = {key: {} for key in pairs}
    for measure in answers.measures:
        for group in answers.items.compared():
            right = {model.name: answers.right(model, "speech", measure, group) for model in answers.models}
            p_values = _p_values([(right[first], right[second]) for first, second in pairs.values()])
            for (key, (first, second)), p in zip(pairs.items(), p_values, strict=True):
                difference = stratified_mean(points(right[first], right[second]))
                by[key].setdefault(measure, {})[group] = Difference(difference, p)
    return {key: Contrast(first, second, by[key], main) for key, (first, second) in pairs.items()}


def _p_values(answers: list[tuple[Strata, Strata]]) -> list[float] | list[None]:
    """Return the corrected p-values of pairs of models in one group; none where the group has several strata."""
    if any(len(first) > 1 for first, _ in answers):
        return [None for _ in answers]
    tests = [mcnemar(first[0].astype(bool), second[0].astype(bool)) for first, second in answers]
    return holm([test.p for test in tests])
