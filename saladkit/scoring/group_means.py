"""Means of gap items by group, with intervals; means of small groups are shrunk toward the mean of all groups."""

from collections.abc import Iterator

import numpy as np

from saladkit.formats.gap_table import KINDS, METRICS
from saladkit.scoring.speech_quality import error_rate
from saladkit.scoring.statistics import Estimate, bootstrap_mean


def estimate(items: list[dict], metric: str) -> Estimate:
    """Return a metric in nats per text token: its sum over items / the sum of their tokens, with its interval."""
    tokens = np.array([item["tokens"] for item in items])
    return bootstrap_mean(np.array([item[metric] for item in items]), weights=tokens)


def group_rows(items: list[dict]) -> list[dict]:
    """Return a row of `formats.gap_table.GROUPS` for all items, and for each region, domain and speaker."""
    rows = []
    for kind in KINDS:
        groups = dict(_groups(items, kind))
        of_kind = [
            {
                "kind": kind,
                "group": str(name),
                "region": name if kind == "region" else None,
                "probes": len(inside),
                "tokens": sum(item["tokens"] for item in inside),
                "cer": error_rate(inside),
                "duration_ratio": _mean(inside, "duration_ratio"),
                "bad_speech": None,
            }
            for name, inside in groups.items()
        ]
        for metric in METRICS:
            shrunk = shrunk_means(
                [np.array([item[metric] for item in inside]) for inside in groups.values()],
                [np.array([item["tokens"] for item in inside], dtype=np.float64) for inside in groups.values()],
            )
            for row, inside, shrunk_mean in zip(of_kind, groups.values(), shrunk, strict=True):
                found = estimate(inside, metric)
                row |= {metric: found.value, f"{metric}_low": found.low, f"{metric}_high": found.high}
                row[f"{metric}_shrunk"] = float(shrunk_mean)
        rows += of_kind
    return rows


def _groups(items: list[dict], kind: str) -> Iterator[tuple[str | int, list[dict]]]:
    if kind == "all":
        yield "", items
        return
    for name in sorted({item[kind] for item in items} - {None}):
        yield name, [item for item in items if item[kind] == name]


def _mean(items: list[dict], column: str) -> float | None:
    values = [item[column] for item in items if item[column] is not None]
    return float(np.mean(values)) if values else None


def shrunk_means(values: list[np.ndarray], weights: list[np.ndarray]) -> np.ndarray:
    """Return the weighted means of groups, float64 [G], shrunk toward the mean of all groups by empirical Bayes.

    A group's mean m with variance v becomes mu + (m - mu) * t / (t + v), where mu is the mean of groups and t the
    variance between groups (DerSimonian and Laird, Controlled Clinical Trials 1986). v is the variance of items over
    the group's effective number of items; it is pooled over groups, since few items cannot determine their own.

    Args:
        values: one array for each group, its items' values, [n] with n at least 1.
        weights: the weights of the same items.
    """
    means = np.array([(w * x).sum() / w.sum() for x, w in zip(values, weights, strict=True)])
    count = sum(len(x) for x in values)
    if len(means) < 2 or count == len(means):  # one group, or one item in each: items and groups cannot be told apart
        return means
    squares = sum((w * (x - m) ** 2).sum() for x, w, m in zip(values, weights, means, strict=True))
    variance = squares / sum(w.sum() for w in weights) * count / (count - len(means))
    errors = variance * np.array([(w**2).sum() / w.sum() ** 2 for w in weights])
    if variance == 0:
        return means
    precision = 1 / errors
    middle = (precision * means).sum() / precision.sum()
    spread = (precision * (means - middle) ** 2).sum()
    between = max(0.0, spread - (len(means) - 1)) / (precision.sum() - (precision**2).sum() / precision.sum())
    # If groups differ by more than chance, their mean weighs groups about equally, however many items each has.
    toward = 1 / (between + errors)
    middle = (toward * means).sum() / toward.sum()
    return middle + (means - middle) * between / (between + errors)
