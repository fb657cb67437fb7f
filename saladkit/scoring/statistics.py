"""Paired statistics: the same items under two conditions, with intervals."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean over items with its bootstrap interval."""

    value: float
    low: float
    high: float
    items: int


def bootstrap_mean(
    values: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Mean of per-item values [n] and its percentile bootstrap interval over items.

    For a paired difference give the per-item differences: items are then resampled in pairs. With `weights` [n], tokens
    of each item say, the mean is sum(weight * value) / sum(weight), also in every resample.

    Raises:
        ValueError: no values.
    """
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(values) == 0:
        raise ValueError("a mean of no values")
    random = np.random.default_rng(seed)
    means = []
    # Chunks, so that 10,000 resamples of many items do not stand in memory at once.
    for size in np.diff(np.linspace(0, resamples, 1 + max(1, len(values) * resamples // 2**22), dtype=int)):
        drawn = random.integers(0, len(values), (size, len(values)))
        means.append((weights * values)[drawn].sum(axis=1) / weights[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float((weights * values).sum() / weights.sum()), float(low), float(high), len(values))
