"""Fit how misalignment falls with training, M = E + B * D^-beta, and how scores follow from it (arXiv 2510.13632)."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar, nnls
from scipy.stats import linregress

from saladkit.scoring.statistics import Estimate

EXPONENTS = np.geomspace(0.01, 4, 100)  # a fit at the first or the last of these has found no exponent


@dataclass(frozen=True)
class PowerLaw:
    """M = floor + scale * D^-exponent: M in nats per text token, D in positions trained on, of text and speech."""

    floor: float
    scale: float
    exponent: float

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return M after each number of positions, float64 [n]."""
        return self.floor + self.scale * np.asarray(positions, dtype=np.float64) ** -self.exponent


def fit_power_law(positions: np.ndarray, misalignment: np.ndarray) -> PowerLaw:
    """Fit by least squares, with a floor and a scale of at least 0 and an exponent from 0.01 to 4.

    Args:
        positions: D of each checkpoint, float [n], with at least three different values.
        misalignment: M of each checkpoint, float [n].

    Raises:
        ValueError: fewer than three different D; two points cannot determine three numbers.
    """
    positions, misalignment = (np.asarray(values, dtype=np.float64) for values in (positions, misalignment))
    if len(np.unique(positions)) < 3:
        raise ValueError("fewer than three different amounts of training")
    unit = positions.min()  # D^-beta of millions would vanish

    def linear_part(exponent: float) -> tuple[np.ndarray, float]:
        """Return (floor, scale) and the distance of the fit with this exponent."""
        return nnls(np.column_stack([np.ones_like(positions), (positions / unit) ** -exponent]), misalignment)

    def distance(exponent: float) -> float:
        return linear_part(exponent)[1]

    # The distance may have several local minima over the exponent, so the search starts from a grid.
    best = int(np.argmin([distance(exponent) for exponent in EXPONENTS]))
    around = EXPONENTS[max(best - 1, 0)], EXPONENTS[min(best + 1, len(EXPONENTS) - 1)]
    polished = minimize_scalar(distance, bounds=around, method="bounded", options={"xatol": 1e-6 * around[0]})
    # The search never tries the bounds themselves, so an end of the grid stays the best where no exponent is found.
    exponent = float(min(EXPONENTS[best], polished.x, key=distance))
    (floor, scale), _ = linear_part(exponent)
    return PowerLaw(float(floor), float(scale * unit**exponent), exponent)


def power_law_intervals(
    positions: np.ndarray, values: np.ndarray, weights: np.ndarray, *, resamples: int = 500, seed: int = 0
) -> dict[str, Estimate]:
    """Return `floor`, `scale` and `exponent` with 95 % bootstrap intervals over the items of all checkpoints.

    Args:
        positions: D of each checkpoint, [n].
        values: M of each item under each checkpoint, [n, items].
        weights: tokens of each item under each checkpoint, [n, items].
    """
    fitted = fit_power_law(positions, (values * weights).sum(axis=1) / weights.sum(axis=1))
    random, count = np.random.default_rng(seed), values.shape[1]
    found = []
    for _ in range(resamples):
        drawn = random.integers(0, count, count)
        of_drawn = (values * weights)[:, drawn].sum(axis=1) / weights[:, drawn].sum(axis=1)
        law = fit_power_law(positions, of_drawn)
        found.append([law.floor, law.scale, law.exponent])
    return _estimates(fitted, np.array(found), count)


def residual_intervals(
    positions: np.ndarray, misalignment: np.ndarray, *, resamples: int = 500, seed: int = 0
) -> dict[str, Estimate]:
    """Return `floor`, `scale` and `exponent` from each checkpoint's mean M, with intervals over resampled residuals.

    Residuals are scaled by sqrt(n / (n - 3)), since a fit of three numbers makes them too small. With three checkpoints
    no residual is left, and the intervals are NaN.

    Args:
        positions: D of each checkpoint, [n].
        misalignment: M of each checkpoint, [n].
    """
    fitted, count = fit_power_law(positions, misalignment), len(positions)
    if count <= 3:
        return _estimates(fitted, np.full((1, 3), np.nan), count)
    expected = fitted(positions)
    random, residuals = np.random.default_rng(seed), (misalignment - expected) * np.sqrt(count / (count - 3))
    found = []
    for _ in range(resamples):
        law = fit_power_law(positions, expected + random.choice(residuals, len(residuals)))
        found.append([law.floor, law.scale, law.exponent])
    return _estimates(fitted, np.array(found), len(positions))


def _estimates(fitted: PowerLaw, found: np.ndarray, count: int) -> dict[str, Estimate]:
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    own, names = [fitted.floor, fitted.scale, fitted.exponent], ("floor", "scale", "exponent")
    parts = zip(names, own, low, high, np.std(found, axis=0), strict=True)
    return {name: Estimate(float(v), float(lo), float(hi), count, float(e)) for name, v, lo, hi, e in parts}


@dataclass(frozen=True)
class Relation:
    """A straight line y = intercept + slope * x over checkpoints, its R², and the R² of points left out of the fit."""

    slope: float
    intercept: float
    r2: float
    r2_left_out: float
    checkpoints: int


def relate(x: np.ndarray, y: np.ndarray) -> Relation:
    """Fit a line by least squares.

    The left-out R² is 1 - PRESS / the squared deviations from the mean.

    Args:
        x, y: one value for each checkpoint, float [n].

    Raises:
        ValueError: fewer than three checkpoints, all y are the same, or no line remains when one point is left out.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    rest = [np.arange(len(x)) != left_out for left_out in range(len(x))]
    if len(x) < 3 or np.ptp(y) == 0 or any(np.ptp(x[kept]) == 0 for kept in rest):
        raise ValueError("fewer than three different checkpoints")
    line = linregress(x, y)
    lines = [linregress(x[kept], y[kept]) for kept in rest]
    left_out = y - [other.intercept + other.slope * own for other, own in zip(lines, x, strict=True)]
    residuals = y - line.intercept - line.slope * x
    total = ((y - y.mean()) ** 2).sum()
    r2, r2_left_out = (float(1 - (found**2).sum() / total) for found in (residuals, left_out))
    return Relation(float(line.slope), float(line.intercept), r2, r2_left_out, len(x))
