"""Means over the runs of several seeds, with intervals that hold for other seeds as well.

An interval over questions alone says what other questions would give to these very models. Two models that were trained
from other seeds differ as well, so a claim about a method needs intervals over seeds.
"""

from dataclasses import dataclass, replace

import numpy as np

from saladkit.scoring.statistics import Estimate, accuracy, bootstrap_mean, resampled_sums, wilson_interval

Strata = list[np.ndarray]  # numbers of questions in groups of equal weight: one array [n] for each

ENOUGH = 8  # seeds for a claim about a small difference: the t interval is then 0.84 standard deviations wide each way


@dataclass(frozen=True)
class OverSeeds(Estimate):
    """The mean of S seeds' means. `low` and `high` are of the hierarchical bootstrap, as is `standard_error`.

    Attributes:
        t_low, t_high: 95 % t interval over the seeds' means; None for one seed, or where all seeds' means are equal.
        p: two-sided p-value of the t test against a mean of 0; None as the t interval.
        by_seed: mean of each seed, S numbers.
    """

    t_low: float | None = None
    t_high: float | None = None
    p: float | None = None
    by_seed: tuple[float, ...] = ()


def over_seeds(values: list[Strata], *, resamples: int = 10_000, level: float = 0.95, seed: int = 0) -> OverSeeds:
    """Return the mean of the seeds' means with both intervals.

    For a paired comparison, pass the difference of each question, paired within a seed.

    Args:
        values: for each seed one number for each of its questions: one array for a mean over questions, or several for
            the mean of their groups' means.

    Raises:
        ValueError: there is no seed, or a seed has no questions.
    """
    values = [[np.asarray(stratum, dtype=np.float64) for stratum in of_seed] for of_seed in values]
    if not values or not all(of_seed and all(map(len, of_seed)) for of_seed in values):
        raise ValueError("no seeds, or a seed without values")
    means = np.array([np.mean([stratum.mean() for stratum in of_seed]) for of_seed in values])
    drawn = hierarchical_means(values, resamples=resamples, random=np.random.default_rng(seed))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    t_low, t_high, p = t_interval(means, level=level)
    items = sum(map(_items, values))
    by_seed = tuple(means.tolist())
    return OverSeeds(float(means.mean()), float(low), float(high), items, float(drawn.std()), t_low, t_high, p, by_seed)


def _items(strata: Strata) -> int:
    return sum(map(len, strata))


def accuracy_over_seeds(right: list[Strata], *, seed: int = 0) -> OverSeeds:
    """Return the mean accuracy of seeds as `over_seeds`, with intervals between 0 and 1.

    Where every answer of every seed is right, or every one wrong, no resample differs. The interval is then Wilson's
    over the questions of the smallest seed alone, because the questions of several seeds may be the same.

    Args:
        right: whether each question was answered correctly, 0 or 1, as `over_seeds`.
    """
    found = over_seeds(right, seed=seed)
    low, high = found.low, found.high
    if low == high:
        items = min(map(_items, right))
        low, high = wilson_interval(round(found.value * items), items)
    t_low = None if found.t_low is None else max(0.0, found.t_low)
    t_high = None if found.t_high is None else min(1.0, found.t_high)
    return replace(found, low=low, high=high, t_low=t_low, t_high=t_high)


def hierarchical_means(values: list[Strata], *, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Return the means of a two-stage bootstrap (Davison and Hinkley 1997, 3.8), float64 [resamples].

    A resample draws S of the S seeds with replacement, and for each of these, anew, as many questions of each stratum
    as it has. Its mean is that of the drawn seeds' means.
    """
    seeds = len(values)
    places = random.integers(0, seeds, (resamples, seeds))
    drawn = np.empty((resamples, seeds))
    for place, of_seed in enumerate(values):
        at = places == place
        count = int(at.sum())
        drawn[at] = np.mean([_resampled_means(stratum, count, random) for stratum in of_seed], axis=0)
    return drawn.mean(axis=1)


def _resampled_means(values: np.ndarray, resamples: int, random: np.random.Generator) -> np.ndarray:
    sums, counts = resampled_sums(values, np.ones(len(values)), resamples, random)
    return sums / counts


def t_interval(means: np.ndarray, *, level: float = 0.95) -> tuple[float | None, float | None, float | None]:
    """Return the bounds of the t interval of the mean of `means` [S], and the p-value of the t test against 0.

    All three are None for one mean, and for means that are equal: these say nothing about their spread.
    """
    from scipy.stats import t  # as in `statistics.mcnemar`

    means = np.asarray(means, dtype=np.float64)
    # Means that differ by rounding alone are equal.
    if len(means) < 2 or np.ptp(means) <= 1e-12 * max(1.0, float(np.abs(means).max())):
        return None, None, None
    error, freedom = means.std(ddof=1) / len(means) ** 0.5, len(means) - 1
    half = t.ppf((1 + level) / 2, freedom) * error
    mean = means.mean()
    return float(mean - half), float(mean + half), float(2 * t.sf(abs(mean) / error, freedom))


def stratified_accuracy(right: Strata) -> Estimate:
    """Return the accuracy over one stratum, with Wilson's interval, or the mean of the strata's accuracies."""
    return accuracy(right[0]) if len(right) == 1 else accuracy_over_seeds([right])


def stratified_mean(values: Strata) -> Estimate:
    """Return the mean of one stratum with its bootstrap interval, or the mean of the strata's means."""
    return bootstrap_mean(values[0]) if len(values) == 1 else over_seeds([values])


def seeds_note(seeds: int) -> str:
    """Return what a number of seeds can tell, as a sentence."""
    if seeds == 1:
        return "One seed: the intervals are over questions, and say nothing about how much other seeds would differ."
    if seeds < ENOUGH:
        return f"{seeds} seeds: the t interval is wide; a claim about a small difference needs {ENOUGH} or more."
    return f"{seeds} seeds."
