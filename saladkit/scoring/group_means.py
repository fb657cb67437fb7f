"""Means of gap items by group, with intervals; means of small groups are shrunk toward the mean of all groups."""

from collections.abc import Iterator, Sequence

import numpy as np

from saladkit.formats.gap_table import BOUNDS, KINDS, METRICS, POSITIVE
from saladkit.scoring.pooled_groups import ROUNDING, PooledGroups, intraclass_correlation, pool_groups
from saladkit.scoring.speech_quality import error_rate
from saladkit.scoring.statistics import Estimate, bootstrap_mean

# Groups of fewer items have an interval by the variance that all groups share, because a
# bootstrap of a few items is too narrow. tests/scoring/test_pooled_groups.py simulates how often it holds the mean.
FEW = 40


def estimate(items: list[dict], metric: str) -> Estimate:
    """Return a metric in nats per text token: its sum over items / the sum of their tokens, with its interval."""
    tokens = np.array([item["tokens"] for item in items])
    return bootstrap_mean(np.array([item[metric] for item in items]), weights=tokens)


def group_tables(
    items: list[dict], kinds: Sequence[str] = KINDS, metrics: Sequence[str] = METRICS
) -> tuple[list[dict], list[dict]]:
    """Return the rows of `formats.gap_table`'s GROUPS and SPREAD, of some kinds and metrics.

    Natural recordings belong to no region's means: they are measured beside its probes to compare their error rates.
    """
    rows, spread = [], []
    for kind in kinds:
        groups = dict(_groups(items, kind))
        of_kind = [_described(kind, name, inside) for name, inside in groups.items()]
        for metric in metrics if groups else ():
            values = [np.array([item[metric] for item in inside]) for inside in groups.values()]
            tokens = [np.array([item["tokens"] for item in inside], dtype=np.float64) for inside in groups.values()]
            pooled = pool_groups(values, tokens, log=metric in POSITIVE)
            for place, (row, inside) in enumerate(zip(of_kind, groups.values(), strict=True)):
                own_interval = kind == "all" or len(inside) >= FEW
                row |= _figures(metric, pooled, place, inside if own_interval else None)
            if kind != "all":
                spread.append({"kind": kind, "metric": metric} | _spread(pooled, values))
        rows += of_kind
    return rows, spread


def _groups(items: list[dict], kind: str) -> Iterator[tuple[str | int, list[dict]]]:
    if kind == "all":
        yield "", items
        return
    of_kind = [item for item in items if kind != "region" or item["synthetic"]]
    for name in sorted({item[kind] for item in of_kind} - {None}):
        yield name, [item for item in of_kind if item[kind] == name]


def _described(kind: str, name: str | int, inside: list[dict]) -> dict:
    return {
        "kind": kind,
        "group": str(name),
        "region": name if kind == "region" else None,
        "probes": len(inside),
        "tokens": sum(item["tokens"] for item in inside),
        "cer": error_rate(inside),
        "duration_ratio": _mean(inside, "duration_ratio"),
        "bad_speech": None,
    }


def _mean(items: list[dict], column: str) -> float | None:
    values = [item[column] for item in items if item[column] is not None]
    return float(np.mean(values)) if values else None


def _figures(metric: str, pooled: PooledGroups, place: int, inside: list[dict] | None) -> dict:
    """Return the columns of one metric of one group; its interval is over the items `inside`, or else pooled."""
    if inside is None:
        low, high = np.clip([pooled.low[place], pooled.high[place]], *BOUNDS.get(metric, (-np.inf, np.inf)))
    else:
        found = estimate(inside, metric)
        low, high = found.low, found.high
    return {
        metric: float(pooled.means[place]),
        f"{metric}_low": _known(low),
        f"{metric}_high": _known(high),
        f"{metric}_shrunk": float(pooled.shrunk[place]),
        f"{metric}_error": _known(pooled.errors[place]),
        f"{metric}_reliability": _known(pooled.reliabilities[place]),
    }


def _spread(pooled: PooledGroups, values: list[np.ndarray]) -> dict:
    """Return how far groups of a kind differ, and how far their items do."""
    above = [x[x > ROUNDING] for x in values] if pooled.log else values
    comparable = [np.log(x) if pooled.log else x for x in above if len(x)]
    return {
        "log": pooled.log,
        "groups": len(values),
        "items": sum(map(len, values)),
        "within": _known(pooled.within),
        "between": _known(pooled.between),
        "reliability": _known(pooled.reliability),
        "icc": _known(intraclass_correlation(comparable)),
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
