"""Accuracies and their paired differences: the gap, its parts, voices, perturbations, and checkpoints against another.

Gap = the original text LLM reading - the adapted model hearing the same items. Its parts: forgetting, the original
reading - the adapted model reading; and misalignment, the adapted model reading - hearing (arXiv 2510.13632). The
recovery rate is the accuracy of the adapted model hearing over that of the original reading.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from saladkit.formats.harness import METRICS
from saladkit.formats.results import ORIGINAL
from saladkit.scoring.conditions import Condition
from saladkit.scoring.statistics import Estimate, bootstrap_mean, bootstrap_ratio, mcnemar

GROUPS = ("domain", "speaker", "held_out")

Items = dict[str, dict]  # id -> prediction


def compute_figures(task: str, answered: dict[Condition, Items]) -> list[dict]:
    """All figures of one task, rows of `formats.results.FIGURES`.

    A difference is over the items that both conditions have answered; its group is that of the second one's rows,
    which tell the speaker.
    """
    found = []
    answered = {c: {id_: row for id_, row in items.items() if row["acc"] is not None} for c, items in answered.items()}
    answered = {condition: items for condition, items in answered.items() if items}  # an open question has no score
    for metric in METRICS:
        for condition, items in answered.items():
            for group, rows in _groups(items):
                estimate = bootstrap_mean(_right(rows.values(), metric))
                where = {"task": task, "metric": metric, **group}
                found.append(_row(where, "accuracy", condition, None, estimate))
        for figure, first, second in _comparisons(list(answered)):
            if not {first, second} <= answered.keys():  # one of them has not a scored item
                continue
            for group, rows in _groups(answered[second]):
                pairs = [(answered[first][id_], row) for id_, row in rows.items() if id_ in answered[first]]
                if pairs:
                    where = {"task": task, "metric": metric, **group}
                    found.append(_compare(where, figure, first, second, pairs))
    return [row for row in found if row is not None]


def _comparisons(conditions: list[Condition]) -> Iterator[tuple[str, Condition, Condition]]:
    there = set(conditions)
    models = list(dict.fromkeys(c.model for c in conditions if c.model != ORIGINAL))
    original = Condition(ORIGINAL, "text")
    for condition in conditions:
        if condition.perturbation is not None:
            yield "perturbation_cost", Condition(condition.model, condition.modality), condition
        elif condition.modality == "cascade":
            yield "gap", original, condition
        elif condition.model != ORIGINAL and condition.modality == "speech" and original in there:
            yield "gap", original, condition
            yield "recovery", original, condition
        elif condition.model != ORIGINAL and condition.modality == "text" and original in there:
            yield "forgetting", original, condition
    for model in models:
        read, heard = Condition(model, "text"), Condition(model, "speech")
        if {read, heard} <= there:
            yield "misalignment", read, heard
    for other in models[1:]:
        for condition in conditions:
            if condition.model == models[0]:
                yield "gain", Condition(other, condition.modality, condition.perturbation), condition


def _groups(items: Items) -> Iterator[tuple[dict[str, str], Items]]:
    """All items, and those of each group, with the columns that say which group it is."""
    yield {"group_kind": "all", "group": ""}, items
    for kind in GROUPS:
        for name in sorted({row[kind] for row in items.values()} - {None}):
            inside = {id_: row for id_, row in items.items() if row[kind] == name}
            yield {"group_kind": kind, "group": str(name)}, inside


def _compare(
    where: dict[str, str], figure: str, first: Condition, second: Condition, pairs: list[tuple[dict, dict]]
) -> dict | None:
    one, other = (_right(rows, where["metric"]) for rows in zip(*pairs, strict=True))
    if figure == "recovery":
        if not one.any():
            return None
        estimate = bootstrap_ratio(other, one)
    else:
        estimate = bootstrap_mean(one - other)
    test = mcnemar(one.astype(bool), other.astype(bool))
    tested = {"only_first": test.only_first, "only_second": test.only_second, "mcnemar_p": test.p}
    return _row(where, figure, first, second, estimate) | tested


def _row(where: dict[str, str], figure: str, first: Condition, second: Condition | None, estimate: Estimate) -> dict:
    """`where` has the columns of task, metric and group."""
    return where | {
        "figure": figure,
        "first": first.name,
        "second": second.name if second else None,
        "value": estimate.value,
        "standard_error": estimate.standard_error,
        "low": estimate.low,
        "high": estimate.high,
        "items": estimate.items,
    }


def _right(rows: Iterable[dict], metric: str) -> np.ndarray:
    return np.array([float(row[metric]) for row in rows])
