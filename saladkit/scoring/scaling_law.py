"""How misalignment falls with training, M = E + B * D^-beta, and how scores follow from it (arXiv 2510.13632)."""

from dataclasses import dataclass

import numpy as np

from saladkit.scoring.statistics import Estimate

EXPONENTS = np.geomspace(0.01, 4, 400)


@dataclass(frozen=True)
class PowerLaw:
    """M = floor + scale * D^-exponent: nats per text token, and D in text positions trained on."""

    floor: float
    scale: float
    exponent: float

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        return self.floor + self.scale * np.asarray(positions, dtype=np.float64) ** -self.exponent


def fit_power_law(positions: np.ndarray, misalignment: np.ndarray) -> PowerLaw:
    """Least squares with a floor and a scale of at least 0; the exponent from 0.01 to 4.

    Args:
        positions: D of each checkpoint, float [n], n at least 3 and not all the same.
        misalignment: M of each, float [n].

    Raises:
        ValueError: fewer than three different D: three numbers cannot be told from two points.
    """
    positions, misalignment = (np.asarray(values, dtype=np.float64) for values in (positions, misalignment))
    if len(np.unique(positions)) < 3:
        raise ValueError("fewer than three different amounts of training")
    unit = positions.min()  # D^-beta of millions would vanish
    exponents = EXPONENTS
    for _ in range(3):  # each time closer around the best
        errors, solutions = zip(*(_solve(positions / unit, misalignment, beta) for beta in exponents), strict=True)
        best = int(np.argmin(errors))
        low, high = exponents[max(best - 1, 0)], exponents[min(best + 1, len(exponents) - 1)]
        floor, scale, exponent = *solutions[best], float(exponents[best])
        exponents = np.geomspace(low, high, 50)
    return PowerLaw(float(floor), float(scale * unit**exponent), exponent)


def _solve(positions: np.ndarray, values: np.ndarray, exponent: float) -> tuple[float, tuple[float, float]]:
    """(squared error, (floor, scale)) for one exponent, neither of the two below 0."""
    falling = positions**-exponent
    candidates = [(values.mean(), 0.0), (0.0, (falling * values).sum() / (falling**2).sum())]
    spread = ((falling - falling.mean()) ** 2).sum()
    if spread > 0:
        scale = ((falling - falling.mean()) * values).sum() / spread
        candidates.append((values.mean() - scale * falling.mean(), scale))
    allowed = [(floor, scale) for floor, scale in candidates if floor >= 0 and scale >= 0]
    errors = [((floor + scale * falling - values) ** 2).sum() for floor, scale in allowed]
    best = int(np.argmin(errors))
    return float(errors[best]), allowed[best]


def power_law_intervals(
    positions: np.ndarray, values: np.ndarray, weights: np.ndarray, *, resamples: int = 500, seed: int = 0
) -> dict[str, Estimate]:
    """`floor`, `scale` and `exponent` with 95 % bootstrap intervals over the items that all were measured on.

    Args:
        positions: D of each checkpoint, [n].
        values: M of each item under each checkpoint, [n, items]; `weights` its tokens, the same shape.
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
    """The same where nothing but each checkpoint's M is known: its distances to the fit are drawn anew.

    They are enlarged by what three fitted numbers take away; of three checkpoints nothing is left, and the intervals
    are NaN.
    """
    fitted, count = fit_power_law(positions, misalignment), len(positions)
    if count <= 3:
        return _estimates(fitted, np.full((1, 3), np.nan), count)
    on_it = fitted(positions)
    random, residuals = np.random.default_rng(seed), (misalignment - on_it) * np.sqrt(count / (count - 3))
    found = []
    for _ in range(resamples):
        law = fit_power_law(positions, on_it + random.choice(residuals, len(residuals)))
        found.append([law.floor, law.scale, law.exponent])
    return _estimates(fitted, np.array(found), len(positions))


def _estimates(fitted: PowerLaw, found: np.ndarray, count: int) -> dict[str, Estimate]:
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    own, names = [fitted.floor, fitted.scale, fitted.exponent], ("floor", "scale", "exponent")
    parts = zip(names, own, low, high, np.std(found, axis=0), strict=True)
    return {name: Estimate(float(v), float(lo), float(hi), count, float(e)) for name, v, lo, hi, e in parts}


@dataclass(frozen=True)
class Relation:
    """A straight line y = intercept + slope * x over checkpoints; R² of the fit, and of each point left out once."""

    slope: float
    intercept: float
    r2: float
    r2_left_out: float
    checkpoints: int


def relate(x: np.ndarray, y: np.ndarray) -> Relation:
    """Least squares; the left-out R² is 1 - PRESS / the squared deviations from the mean.

    Raises:
        ValueError: fewer than three checkpoints, or all x or all y are the same.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError("fewer than three different checkpoints")
    total = ((y - y.mean()) ** 2).sum()
    slope, intercept = _line(x, y)
    residual = ((y - intercept - slope * x) ** 2).sum()
    press = 0.0
    for left_out in range(len(x)):
        kept = np.arange(len(x)) != left_out
        if np.ptp(x[kept]) == 0:
            raise ValueError("fewer than three different checkpoints")
        a, b = _line(x[kept], y[kept])
        press += (y[left_out] - b - a * x[left_out]) ** 2
    return Relation(float(slope), float(intercept), float(1 - residual / total), float(1 - press / total), len(x))


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return slope, y.mean() - slope * x.mean()
