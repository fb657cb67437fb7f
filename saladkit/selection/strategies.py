"""The ways to choose, by name: each puts the candidates into an order, of which a budget takes the beginning.

To add one: its order in `ORDERS` below, and its name in `STRATEGIES` of `settings/select.py`.

| name | what it prefers |
|---|---|
| `active` | misaligned regions (the method): P(region) ~ P_pool * M(region)^gamma, then any text of it |
| `uniform` | nothing: every text is as likely |
| `proportional` | nothing, and every region has its share of the pool, to one text |
| `balanced` | texts of small regions: of one with n texts each is kept with probability min(1, t / n) (MetaCLIP) |
| `coverage` | texts far from all that is spoken: P(text) ~ distance^gamma |
| `dsir` | texts like the targets, by their words (DSIR) |
| `knn` | texts whose nearest probes are misaligned: P(text) ~ (prediction + bonus * uncertainty)^gamma |
| `hybrid` | texts far from speech in misaligned regions: P(text) ~ M(region)^gamma * distance |
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from saladkit.selection.sampling import by_cap, by_region, by_share, by_weight, region_probabilities

PROBE = "probe"  # of `--per-region`: no choice of a user
NEED_REGION_GAPS = ("active", "hybrid")
NEED_DISTANCES = ("coverage", "hybrid")


@dataclass(frozen=True)
class Candidates:
    """What is known of the N texts that may be chosen; a field that a strategy does not need may be None."""

    regions: np.ndarray  # int [N]; -1 for texts that may not be drawn
    sizes: np.ndarray  # texts of each region in the pool, [K]; 0 for regions that are left out
    uniform: np.ndarray  # numbers in (0, 1), [N]
    gaps: np.ndarray | None = None  # M of each region, [K]
    distances: np.ndarray | None = None  # to the nearest spoken text, [N]
    importance: np.ndarray | None = None  # log importance, [N]
    predicted: np.ndarray | None = None  # misalignment with its bonus, [N]


@dataclass(frozen=True)
class Order:
    """The order in which texts are drawn, and why."""

    rows: Iterable[np.ndarray]  # int64, some at a time
    eligible: np.ndarray  # bool [N]: which texts it holds
    probabilities: np.ndarray  # of each text at the first draw, float64 [N]; may be too small for a float
    score: np.ndarray | None = None  # the text's own figure by which it was preferred, [N]


def put_in_order(name: str, candidates: Candidates, gamma: float, random: np.random.Generator) -> Order:
    """Order the candidates by one of `ORDERS`.

    Raises:
        ValueError: no candidate has any weight.
    """
    return ORDERS[name](candidates, gamma, random)


def _active(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    inside = np.bincount(of.regions[of.regions >= 0], minlength=len(of.sizes))
    probabilities = region_probabilities(np.where(inside > 0, of.sizes, 0), of.gaps, gamma)
    a_text = (probabilities / np.maximum(inside, 1))[of.regions] * (of.regions >= 0)
    return Order(by_region(of.regions, probabilities, of.uniform, random), a_text > 0, a_text)


def _uniform(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    weights = np.where(of.regions >= 0, 0.0, -np.inf)
    return _order([by_weight(weights, of.uniform)], weights)


def _proportional(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    return _order([by_share(of.regions, of.uniform)], np.where(of.regions >= 0, 0.0, -np.inf))


def _balanced(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    inside = np.bincount(of.regions[of.regions >= 0], minlength=len(of.sizes))
    weights = np.where(of.regions >= 0, -np.log(np.maximum(inside, 1))[of.regions], -np.inf)
    return _order([by_cap(of.regions, of.uniform)], weights)


def _by_score(
    log_weight: Callable[[Candidates, float], np.ndarray], score: Callable[[Candidates], np.ndarray]
) -> Callable[[Candidates, float, np.random.Generator], Order]:
    def order(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
        weights = np.where(of.regions >= 0, log_weight(of, gamma), -np.inf)
        return _order([by_weight(weights, of.uniform)], weights, score(of))

    return order


def _log_power(values: np.ndarray, exponent: float) -> np.ndarray:
    """log of values^exponent; what is negative counts as 0, and 0^0 as 1."""
    if exponent == 0:
        return np.zeros(len(values))
    with np.errstate(divide="ignore"):
        return exponent * np.log(np.maximum(values.astype(np.float64), 0))


def _order(rows: list[np.ndarray], log_weights: np.ndarray, score: np.ndarray | None = None) -> Order:
    largest = log_weights.max(initial=-np.inf)
    if largest == -np.inf:
        raise ValueError("no text has weight")
    weights = np.exp(log_weights - largest)
    return Order(rows, log_weights > -np.inf, weights / weights.sum(), score)


ORDERS: dict[str, Callable[[Candidates, float, np.random.Generator], Order]] = {
    "active": _active,
    "uniform": _uniform,
    "proportional": _proportional,
    "balanced": _balanced,
    "coverage": _by_score(lambda of, gamma: _log_power(of.distances, gamma), lambda of: of.distances),
    "dsir": _by_score(lambda of, gamma: of.importance, lambda of: of.importance),
    "knn": _by_score(lambda of, gamma: _log_power(of.predicted, gamma), lambda of: of.predicted),
    "hybrid": _by_score(
        lambda of, gamma: _log_power(of.gaps[of.regions], gamma) + _log_power(of.distances, 1),
        lambda of: of.distances,
    ),
    PROBE: _uniform,
}
