"""Accuracies with Wilson's interval, paired differences with bootstrap intervals, McNemar's test, Holm's correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEW = 16  # up to this many different items are drawn as counts, not one by one


@dataclass(frozen=True)
class Estimate:
    """A mean over items, or a ratio of two means, with its bootstrap interval and bootstrap standard error."""

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
    """Return sum(numerators) / sum(denominators) with its percentile bootstrap interval over items.

    A resample draws items with replacement, each with its numerator and denominator. Resamples whose denominators sum
    to 0 are left out.

    Args:
        numerators, denominators: one number for each item, [n].

    Raises:
        ValueError: there are no items, or the denominators sum to 0.
    """
    numerators = np.asarray(numerators, dtype=np.float64)
    denominators = np.asarray(denominators, dtype=np.float64)
    count = len(numerators)
    if count == 0:
        raise ValueError("a mean of no values")
    if denominators.sum() == 0:
        raise ValueError("a ratio to nothing")
    above, below = resampled_sums(numerators, denominators, resamples, np.random.default_rng(seed))
    found = above[below != 0] / below[below != 0]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    value = numerators.sum() / denominators.sum()
    return Estimate(float(value), float(low), float(high), count, float(found.std()))


def resampled_sums(
    first: np.ndarray, second: np.ndarray, resamples: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of two columns [n] over draws of n items with replacement, two float64 [resamples]."""
    pairs, counts = np.unique(np.stack([first, second]), axis=1, return_counts=True)
    if len(counts) <= FEW:
        # Counts of each different item are multinomial; for 576 right and wrong answers this is 20 times as fast.
        drawn = random.multinomial(len(first), counts / len(first), size=resamples)
        return drawn @ pairs[0], drawn @ pairs[1]
    sums = []
    # In chunks, so that 10,000 resamples of many items are never in memory at once.
    for size in np.diff(np.linspace(0, resamples, 1 + max(1, len(first) * resamples // 2**22), dtype=int)):
        drawn = random.integers(0, len(first), (size, len(first)))
        sums.append((first[drawn].sum(axis=1), second[drawn].sum(axis=1)))
    above, below = zip(*sums, strict=True)
    return np.concatenate(above), np.concatenate(below)


def bootstrap_mean(
    values: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the mean of per-item values with its percentile bootstrap interval over items.

    For a paired comparison, pass the difference of each item.

    Args:
        values: one number for each item, [n].
        weights: such as the tokens of each item, [n]; the mean is then sum(weights * values) / sum(weights), also in
            every resample.

    Raises:
        ValueError: there are no values, or the weights sum to 0.
    """
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    return bootstrap_ratio(weights * values, weights, resamples=resamples, level=level, seed=seed)


def accuracy(right: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Return the share of right answers with Wilson's score interval (JASA 1927) and the binomial standard error.

    Unlike a bootstrap interval, Wilson's has a width where all answers are right, or none.

    Args:
        right: whether each item was answered correctly, 0 or 1, [n].

    Raises:
        ValueError: there are no items, or a value is neither 0 nor 1.
    """
    right = np.asarray(right, dtype=np.float64)
    if len(right) == 0 or not np.isin(right, (0, 1)).all():
        raise ValueError("no items, or values other than 0 and 1")
    value = float(right.mean())
    low, high = wilson_interval(int(right.sum()), len(right), level=level)
    return Estimate(value, low, high, len(right), (value * (1 - value) / len(right)) ** 0.5)


def wilson_interval(right: int, items: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the bounds of Wilson's score interval of the share of `right` among `items`."""
    from scipy.stats import binomtest  # as in `mcnemar`

    found = binomtest(right, items).proportion_ci(confidence_level=level, method="wilson")
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class McNemar:
    """Items that only one of two models answered correctly, and the exact two-sided p-value of the two counts."""

    only_first: int
    only_second: int
    p: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Test two models on the same items with the exact McNemar test (Biometrika 1947).

    Args:
        first, second: whether each model answered each item correctly, bool [n].
    """
    from scipy.stats import binomtest  # takes 0.6 s to load, which readers of estimates need not wait for

    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    count = only_first + only_second
    return McNemar(only_first, only_second, float(binomtest(only_first, count).pvalue) if count else 1.0)


def p_value_text(p: float) -> str:
    """Write a p-value as `p = 0.031`, or `p < 0.0001`."""
    return f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's method (Scandinavian Journal of Statistics 1979).

    The k-th smallest of m, counted from 0, is multiplied by m - k; none becomes smaller than the one before it, or
    larger than 1. If all that is at most 0.05 is rejected, at most 5 % of tables have a false rejection.

    Args:
        p_values: of all tests of one table, in any order.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return corrected.tolist()
