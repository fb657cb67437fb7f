"""The results of a run that the page does not compare: accuracies of every condition, as `eval` computed them."""

from dataclasses import dataclass
from pathlib import Path

from saladkit.formats.results import FIGURES, FIGURES_FILE, SCHEMA, read_rows
from saladkit.reporting.inventory import Found, Inventory
from saladkit.scoring.statistics import Estimate

GROUPS = ("all", "domain", "speaker")  # kinds of groups that are shown
METRICS = ("acc_norm", "acc")  # the first that was measured is shown


@dataclass(frozen=True)
class ConditionAccuracies:
    """The accuracies of one model in one modality on one task.

    Attributes:
        name: model and modality.
        groups: accuracy by kind and name of the group.
    """

    task: str
    name: str
    all: Estimate
    groups: dict[tuple[str, str], Estimate]


@dataclass(frozen=True)
class Evaluation:
    """One results artefact."""

    name: str
    conditions: list[ConditionAccuracies]


def other_evaluations(inventory: Inventory, compared: set[Path]) -> list[Evaluation]:
    """Return the results artefacts whose folders, as whole paths, are not in `compared`.

    Raises:
        SaladError: one is damaged.
    """
    found = [_evaluation(found) for found in inventory.of_schema(SCHEMA) if found.path.resolve() not in compared]
    return [evaluation for evaluation in found if evaluation.conditions]


def _evaluation(found: Found) -> Evaluation:
    path = found.path / FIGURES_FILE
    rows = read_rows(path, FIGURES) if path.is_file() else []
    rows = [row for row in rows if row["second"] is None and row["group_kind"] in GROUPS]
    metric = next((name for name in METRICS if any(row["metric"] == name for row in rows)), None)
    groups: dict[tuple[str, str], dict[tuple[str, str], Estimate]] = {}
    for row in rows:
        if row["metric"] == metric and None not in (row["value"], row["low"], row["high"]):
            accuracy = Estimate(row["value"], row["low"], row["high"], row["items"])
            groups.setdefault((row["task"], row["first"]), {})[row["group_kind"], row["group"]] = accuracy
    conditions = []
    for (task, name), accuracies in groups.items():
        overall = next((found for (kind, _), found in accuracies.items() if kind == "all"), None)
        if overall:
            conditions.append(
                ConditionAccuracies(task, name, overall, {key: of for key, of in accuracies.items() if key[0] != "all"})
            )
    return Evaluation(found.name, conditions)
