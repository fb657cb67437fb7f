"""Paired statistics: the same items under two conditions, with standard errors, intervals and McNemar's test."""

from dataclasses import dataclass
from math import exp, lgamma, log

import numpy as np

FEW = 16  # kinds of items that are counted, not drawn one by one


@dataclass(frozen=True)
class Estimate:
    """A mean over items, or a ratio of two, with its bootstrap interval and standard error (that of the resamples)."""

    value: float
    low: float
    high: float
    items: int
    standard_error: float = 0.0


def bootstrap_ratio(
    numerators: np.ndarray,
    denominators: np.ndarray,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """sum(numerators) / sum(denominators), both [n] over items, and its percentile bootstrap interval over items.

    An item's two numbers are drawn together. Resamples whose denominators sum to 0 are left out.

    Raises:
        ValueError: no items, or denominators that sum to 0.
    """
    numerators = np.asarray(numerators, dtype=np.float64)
    denominators = np.asarray(denominators, dtype=np.float64)
    count = len(numerators)
    if count == 0:
        raise ValueError("a mean of no values")
    if denominators.sum() == 0:
        raise ValueError("a ratio to nothing")
    above, below = _resampled_sums(numerators, denominators, resamples, np.random.default_rng(seed))
    found = above[below != 0] / below[below != 0]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    value = numerators.sum() / denominators.sum()
    return Estimate(float(value), float(low), float(high), count, float(found.std()))


def _resampled_sums(
    first: np.ndarray, second: np.ndarray, resamples: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of two columns [n] over `resamples` draws of n items with replacement, float64 [resamples] each."""
    pairs, counts = np.unique(np.stack([first, second]), axis=1, return_counts=True)
    if len(counts) <= FEW:
        # How often each kind of item is drawn is multinomial: of 576 right and wrong answers, 20 times as fast.
        drawn = random.multinomial(len(first), counts / len(first), size=resamples)
        return drawn @ pairs[0], drawn @ pairs[1]
    sums = []
    # Chunks, so that 10,000 resamples of many items do not stand in memory at once.
    for size in np.diff(np.linspace(0, resamples, 1 + max(1, len(first) * resamples // 2**22), dtype=int)):
        drawn = random.integers(0, len(first), (size, len(first)))
        sums.append((first[drawn].sum(axis=1), second[drawn].sum(axis=1)))
    return tuple(np.concatenate(column) for column in zip(*sums, strict=True))


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
    return bootstrap_ratio(weights * values, weights, resamples=resamples, level=level, seed=seed)


@dataclass(frozen=True)
class McNemar:
    """Items that one of two alone answered right, and how likely so uneven a split is by chance (exact, two-sided)."""

    only_first: int
    only_second: int
    p: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """The exact McNemar test (Biometrika 1947) of two models' right answers, bool [n], item by item."""
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    count, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(exp(_log_choose(count, k) - count * log(2)) for k in range(fewer + 1))
    return McNemar(only_first, only_second, min(1.0, 2 * tail))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
