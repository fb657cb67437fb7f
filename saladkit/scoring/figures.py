"""Accuracies and their paired differences: the gap and its parts, costs of perturbations, gains of checkpoints.

Gap = accuracy of the original text LLM on text input - accuracy of the adapted model on speech input, on the same
items. It has two parts (arXiv 2510.13632): forgetting = original on text - adapted on text, and misalignment = adapted
on text - adapted on speech. The recovery rate is adapted on speech / original on text.

All comparisons of a task are over the same items, those of `comparable_items`, so the parts add up to the gap.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from saladkit.formats.harness import METRICS
from saladkit.formats.results import ORIGINAL, WRITTEN, comparable_items, groups_of
from saladkit.scoring.conditions import Condition
from saladkit.scoring.statistics import Estimate, accuracy, bootstrap_mean, bootstrap_ratio, mcnemar
from saladkit.settings.evaluate import SPLIT_ALWAYS

Items = dict[str, dict]  # id -> prediction


def compute_figures(task: str, answered: dict[Condition, Items]) -> list[dict]:
    """Return all figures of one task, rows of `formats.results.FIGURES`.

    An accuracy is over all items that its condition has a score for, a comparison over `comparable_items` of all
    conditions that have any. Its groups are those of the second condition, whose rows name the speaker.

    Args:
        answered: predictions by id under each condition; predictions without a score are left out.
    """
    found: list[dict | None] = []
    # Rows without choices have no score.
    answered = {c: {id_: row for id_, row in items.items() if row["acc"] is not None} for c, items in answered.items()}
    answered = {condition: items for condition, items in answered.items() if items}
    common = comparable_items(list(answered.values())) if answered else set()
    for metric in _metrics(answered):
        about: dict = {"task": task, "metric": metric}
        for condition, items in answered.items():
            counts = {"items_first": len(items), "items_second": None}
            for group, rows in _groups(items):
                where = about | counts | group
                found.append(_row(where, "accuracy", condition, None, accuracy(_scores(rows.values(), metric))))
        for figure, first, second in _comparisons(list(answered)):
            if not {first, second} <= answered.keys():
                continue
            counts = {"items_first": len(answered[first]), "items_second": len(answered[second])}
            for group, rows in _groups({id_: row for id_, row in answered[second].items() if id_ in common}):
                where = about | counts | group
                pairs = [(answered[first][id_], row) for id_, row in rows.items()]
                found.append(_compare(where, figure, first, second, pairs) if pairs else None)
    return [row for row in found if row is not None]


def _metrics(answered: dict[Condition, Items]) -> tuple[str, ...]:
    written = [row[WRITTEN] is not None for items in answered.values() for row in items.values()]
    return (*METRICS, WRITTEN) if written and all(written) else METRICS


def _comparisons(conditions: list[Condition]) -> Iterator[tuple[str, Condition, Condition]]:
    """Yield each figure with the two conditions that it compares."""
    known = set(conditions)
    models = list(dict.fromkeys(c.model for c in conditions if c.model != ORIGINAL))
    original = Condition(ORIGINAL, "text")
    for condition in conditions:
        if condition.perturbation is not None:
            yield "perturbation_cost", Condition(condition.model, condition.modality), condition
        elif condition.modality == "cascade":
            yield "gap", original, condition
        elif condition.model != ORIGINAL and condition.modality == "speech" and original in known:
            yield "gap", original, condition
            yield "recovery", original, condition
        elif condition.model != ORIGINAL and condition.modality == "text" and original in known:
            yield "forgetting", original, condition
    for model in models:
        text, speech = Condition(model, "text"), Condition(model, "speech")
        if {text, speech} <= known:
            yield "misalignment", text, speech
    for other in models[1:]:
        for condition in conditions:
            if condition.model == models[0]:
                yield "gain", Condition(other, condition.modality, condition.perturbation), condition


def _groups(items: Items) -> Iterator[tuple[dict[str, str], Items]]:
    """Yield all items and those of each group, each with its columns `group_kind` and `group`."""
    yield {"group_kind": "all", "group": ""}, items
    groups: dict[tuple[str, str], Items] = {}
    for id_, row in items.items():
        always = {kind: str(row[kind]) for kind in SPLIT_ALWAYS if row[kind] is not None}
        for key in (always | groups_of(row)).items():
            groups.setdefault(key, {})[id_] = row
    for kind, name in sorted(groups):
        yield {"group_kind": kind, "group": name}, groups[kind, name]


def _compare(
    where: dict, figure: str, first: Condition, second: Condition, pairs: list[tuple[dict, dict]]
) -> dict | None:
    one, other = (_scores(rows, where["metric"]) for rows in zip(*pairs, strict=True))
    if figure == "recovery":
        if not one.any():
            return None
        estimate = bootstrap_ratio(other, one)
    else:
        estimate = bootstrap_mean(one - other)
    test = mcnemar(one.astype(bool), other.astype(bool))
    tested = {"only_first": test.only_first, "only_second": test.only_second, "mcnemar_p": test.p}
    return _row(where, figure, first, second, estimate) | tested


def _row(where: dict, figure: str, first: Condition, second: Condition | None, estimate: Estimate) -> dict:
    """Return a row of figures; `where` has the columns of task, metric, group and the conditions' own items."""
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


def _scores(rows: Iterable[dict], metric: str) -> np.ndarray:
    return np.array([float(row[metric]) for row in rows])
