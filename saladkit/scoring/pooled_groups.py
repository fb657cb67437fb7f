"""Means of groups of few items, which share what they know of the variance inside a group.

Figures that are never negative, such as a KL divergence, spread in proportion to their mean: a region of 0.04 nats
varies by 0.03 and one of 0.6 nats by 0.4. Such figures are pooled on the logarithmic scale, others as they are.
"""

from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-6  # nats: a KL divergence of float32 log-probabilities is not known more exactly
# Without the bound, groups of which one item holds everything would have an infinite coefficient of variation.
LEAST_CORRECTION = 0.1


@dataclass(frozen=True)
class PooledGroups:
    """Means of G groups. Variances and errors are of the logarithm of a mean if `log`, else of the mean.

    Attributes:
        means: float64 [G].
        shrunk: means that are moved toward the mean of all groups, [G].
        low, high: 95 % interval of each mean, [G]; NaN if no group has two items, or for a mean of 0.
        errors: sampling standard error of each mean on the scale, [G]; NaN like the interval.
        within: variance of one item inside a group (on the logarithmic scale: the squared coefficient of variation).
        between: variance of the true means between groups (tau squared); NaN if it cannot be estimated.
    """

    log: bool
    means: np.ndarray
    shrunk: np.ndarray
    low: np.ndarray
    high: np.ndarray
    errors: np.ndarray
    within: float
    between: float

    @property
    def reliability(self) -> float:
        """The share of the variance of the measured means that is true: tau^2 / (tau^2 + mean sampling variance)."""
        known = self.errors[np.isfinite(self.errors)]
        return _share(self.between, float((known**2).mean())) if len(known) else np.nan

    @property
    def reliabilities(self) -> np.ndarray:
        """The reliability of each mean, tau^2 / (tau^2 + its sampling variance), [G]."""
        return np.array([_share(self.between, error**2) for error in self.errors])


def _share(between: float, error: float) -> float:
    return between / (between + error) if between + error > 0 else between + error  # 0 if nothing varies; NaN stays


def pool_groups(values: list[np.ndarray], weights: list[np.ndarray], *, log: bool, level: float = 0.95) -> PooledGroups:
    """Return the weighted means of groups, shrunk toward the mean of all groups, with intervals by a pooled variance.

    A group's mean y (its logarithm if `log`) with sampling variance v becomes mu + (y - mu) * t / (t + v): empirical
    Bayes. v is the pooled variance of an item over the group's effective number of items; for a logarithm, by the delta
    method, the squared coefficient of variation takes the place of the variance. t, the variance between groups, is
    Paule and Mandel's (J. Res. NBS 1982), and mu the mean of all y weighted by 1 / (t + v). The interval is
    y +- t_(N-G) * sqrt(v).

    Means of at most ROUNDING have no logarithm that means anything: they stay as they are and do not count.

    Args:
        values: one array for each group, its items' values, [n] with n at least 1.
        weights: the weights of the same items.
    """
    means = np.array([(w * x).sum() / w.sum() for x, w in zip(values, weights, strict=True)])
    share = np.array([(w**2).sum() / w.sum() ** 2 for w in weights])  # 1 / effective number of items
    known = np.flatnonzero(means > ROUNDING) if log else np.arange(len(means))
    within, freedom = _variance_within(
        [values[g] / means[g] if log else values[g] for g in known], [weights[g] for g in known], ratio=log
    )
    y = np.log(means[known]) if log else means[known]
    variances = within * share[known]
    between = variance_between(y, variances) if freedom and len(known) > 1 else np.nan
    moved = y if np.isnan(between) else shrink(y, variances, between)
    half = _t_quantile(freedom, level) * np.sqrt(variances)
    back = np.exp if log else np.asarray

    def of_all(found: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        filled = otherwise.astype(np.float64, copy=True)
        filled[known] = found
        return filled

    unknown = np.full(len(means), np.nan)
    return PooledGroups(
        log,
        means,
        of_all(back(moved), means),
        of_all(back(y - half), unknown),
        of_all(back(y + half), unknown),
        of_all(np.sqrt(variances), unknown),
        within,
        between,
    )


def _variance_within(values: list[np.ndarray], weights: list[np.ndarray], *, ratio: bool) -> tuple[float, int]:
    """Return the pooled variance of an item inside its group, and its degrees of freedom; NaN and 0 if unknown.

    Args:
        values: items of each group; divided by the group's mean if `ratio`.
        ratio: whether to correct for that division. The squared deviation of x / mean is too small by the factor
            1 + cv^2 / n, because a large item makes the mean large: with 4 gamma-distributed items of cv^2 = 1, 0.78 is
            found without the correction and 0.98 with it.
    """
    count = sum(len(x) for x in values)
    freedom = count - len(values)
    if freedom == 0:
        return np.nan, 0
    squares, total, shares = 0.0, sum(w.sum() for w in weights), 0.0
    for x, w in zip(values, weights, strict=True):
        squares += (w * (x - (w * x).sum() / w.sum()) ** 2).sum()
        shares += (w**2).sum() / w.sum()
    variance = float(squares / total * count / freedom)
    return variance / max(1 - variance * shares / total, LEAST_CORRECTION) if ratio else variance, freedom


def _t_quantile(freedom: int, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2)) if freedom else np.nan


def variance_between(y: np.ndarray, variances: np.ndarray) -> float:
    """Return the variance of the true means that makes the weighted sum of squares what it is expected to be, G - 1.

    Paule and Mandel's estimator. With equal sampling variances it is DerSimonian and Laird's; with unequal ones it is
    less biased (Veroniki et al., Research Synthesis Methods 2016).

    Args:
        y, variances: measured means and their sampling variances, [G] with G at least 2.
    """
    from scipy.optimize import brentq

    expected = len(y) - 1
    highest = float(((y - y.mean()) ** 2).sum() / expected)  # here the sum of squares is at most G - 1
    if highest == 0 or not variances.any():
        return highest

    def excess(between: float) -> float:
        precision = 1 / (between + variances)
        middle = (precision * y).sum() / precision.sum()
        return float((precision * (y - middle) ** 2).sum() - expected)

    if excess(0.0) <= 0:
        return 0.0
    # Without sampling error the root is `highest` itself, where rounding may leave a little more than G - 1.
    return float(brentq(excess, 0.0, highest)) if excess(highest) < 0 else highest


def shrink(y: np.ndarray, variances: np.ndarray, between: float) -> np.ndarray:
    """Move measured means toward their weighted mean, by the share of their variance that is sampling error, [G]."""
    total = between + variances
    if not total.all():
        return y
    middle = (y / total).sum() / (1 / total).sum()
    return middle + (y - middle) * between / total


def intraclass_correlation(groups: list[np.ndarray]) -> float:
    """Return the share of the variance of items that lies between their groups; NaN if it cannot be estimated.

    The estimator of one-way analysis of variance with groups of unequal size (Donner, Int. Stat. Rev. 1986). It may be
    a little below 0 where groups do not differ.

    Args:
        groups: the values of each group's items, [n] with n at least 1.
    """
    sizes = np.array([len(x) for x in groups])
    count, number = int(sizes.sum()), len(groups)
    if number < 2 or count == number:
        return np.nan
    means, overall = np.array([x.mean() for x in groups]), np.concatenate(groups).mean()
    between = (sizes * (means - overall) ** 2).sum() / (number - 1)
    within = sum(((x - x.mean()) ** 2).sum() for x in groups) / (count - number)
    size = (count - (sizes**2).sum() / count) / (number - 1)
    total = between + (size - 1) * within
    return float((between - within) / total) if total > 0 else np.nan
