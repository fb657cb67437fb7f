"""Selection strategies: each puts the candidates into an order, and the budget takes texts from its beginning.

To add a strategy, write a function like those below, give it a row in `STRATEGIES` at the end of this file, and list
its name and its options in `settings/select.py` (a test fails until both agree).

| name | prefers |
|---|---|
| `active` | misaligned regions (the method): P(region) ~ P_pool * M(region)^gamma, then any text of the region |
| `uniform` | nothing: every text is equally likely |
| `proportional` | nothing, but every region gets its share of the pool, to one text |
| `balanced` | texts of small regions: each of n texts is kept with probability min(1, t / n) (MetaCLIP) |
| `coverage` | texts far from all spoken texts: P(text) ~ distance^gamma |
| `dsir` | texts similar to the targets in their words (DSIR) |
| `knn` | texts whose nearest probes are misaligned: P(text) ~ (prediction + bonus * uncertainty)^gamma |
| `hybrid` | texts far from speech in misaligned regions: P(text) ~ M(region)^gamma * distance |
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from saladkit.selection.sampling import by_cap, by_region, by_share, by_weight, region_probabilities


@dataclass(frozen=True)
class Candidates:
    """The N texts of a pool, in K regions. A field that the strategy does not need may be None."""

    regions: np.ndarray  # region of each text, int [N]; -1 for texts that may not be drawn
    sizes: np.ndarray  # texts of each region in the pool, [K]; 0 for regions that are left out
    uniform: np.ndarray  # a random number in (0, 1) for each text, [N]
    gaps: np.ndarray | None = None  # M of each region, [K]
    distances: np.ndarray | None = None  # to the nearest spoken text, [N]
    importance: np.ndarray | None = None  # log importance, [N]
    predicted: np.ndarray | None = None  # predicted misalignment plus its bonus, [N]


@dataclass(frozen=True)
class Order:
    """The order in which texts are drawn, and the reasons for it."""

    rows: Iterable[np.ndarray]  # row numbers, int64, in pieces
    eligible: np.ndarray  # which texts the order holds, bool [N]
    probabilities: np.ndarray  # of each text at the first draw, float64 [N]; very small ones may be 0
    score: np.ndarray | None = None  # the text's own figure that the strategy uses, [N]
    asked: np.ndarray | None = None  # P of each region if none was without texts, [K]; None: as `probabilities`


OrderFunction = Callable[[Candidates, float, np.random.Generator], Order]


@dataclass(frozen=True)
class Strategy:
    """One row of the table of strategies.

    Attributes:
        order: puts the candidates into an order, given gamma and a random generator.
        needs: the fields of `Candidates` that `order` reads and that may be None otherwise.
    """

    order: OrderFunction
    needs: tuple[str, ...] = ()


def put_in_order(name: str, candidates: Candidates, gamma: float, random: np.random.Generator) -> Order:
    """Put the candidates into an order by the strategy `name`.

    Raises:
        ValueError: no candidate has any weight.
    """
    return STRATEGIES[name].order(candidates, gamma, random)


def _active(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    inside, gaps = np.bincount(of.regions[of.regions >= 0], minlength=len(of.sizes)), _needed(of.gaps)
    probabilities = region_probabilities(np.where(inside > 0, of.sizes, 0), gaps, gamma)
    a_text = (probabilities / np.maximum(inside, 1))[of.regions] * (of.regions >= 0)
    asked = region_probabilities(of.sizes, gaps, gamma)
    return Order(by_region(of.regions, probabilities, of.uniform, random), a_text > 0, a_text, asked=asked)


def _uniform(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    return _weighted(of, np.zeros(len(of.regions)))


def _proportional(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    return _as_drawn(by_share(of.regions, of.uniform), np.where(of.regions >= 0, 0.0, -np.inf))


def _balanced(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    inside = np.bincount(of.regions[of.regions >= 0], minlength=len(of.sizes))
    weights = np.where(of.regions >= 0, -np.log(np.maximum(inside, 1))[of.regions], -np.inf)
    return _as_drawn(by_cap(of.regions, of.uniform), weights)


def _coverage(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    return _weighted(of, _log_power(_needed(of.distances), gamma), score=of.distances)


def _dsir(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    return _weighted(of, _needed(of.importance), score=of.importance)


def _knn(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    return _weighted(of, _log_power(_needed(of.predicted), gamma), score=of.predicted)


def _hybrid(of: Candidates, gamma: float, random: np.random.Generator) -> Order:
    weights = _log_power(_needed(of.gaps)[of.regions], gamma) + _log_power(_needed(of.distances), 1)
    return _weighted(of, weights, score=of.distances)


def _needed(field: np.ndarray | None) -> np.ndarray:
    if field is None:
        raise TypeError("a strategy reads a field of the candidates that its row in STRATEGIES does not name")
    return field


def _weighted(of: Candidates, log_weights: np.ndarray, score: np.ndarray | None = None) -> Order:
    """Draw each text by its weight among those left; `log_weights` float64 [N]."""
    weights = np.where(of.regions >= 0, log_weights, -np.inf)
    return _as_drawn(by_weight(weights, of.uniform), weights, score)


def _as_drawn(rows: np.ndarray, log_weights: np.ndarray, score: np.ndarray | None = None) -> Order:
    largest = log_weights.max(initial=-np.inf)
    if largest == -np.inf:
        raise ValueError("no text has weight")
    weights = np.exp(log_weights - largest)
    return Order([rows], log_weights > -np.inf, weights / weights.sum(), score)


def _log_power(values: np.ndarray, exponent: float) -> np.ndarray:
    """Return log(values^exponent); negative values count as 0, and 0^0 is 1."""
    if exponent == 0:
        return np.zeros(len(values))
    with np.errstate(divide="ignore"):
        return exponent * np.log(np.maximum(values.astype(np.float64), 0))


PROBE = "probe"  # of `--per-region`; users do not choose it by name
STRATEGIES = {
    "active": Strategy(_active, needs=("gaps",)),
    "uniform": Strategy(_uniform),
    "proportional": Strategy(_proportional),
    "balanced": Strategy(_balanced),
    "coverage": Strategy(_coverage, needs=("distances",)),
    "dsir": Strategy(_dsir, needs=("importance",)),
    "knn": Strategy(_knn, needs=("predicted",)),
    "hybrid": Strategy(_hybrid, needs=("gaps", "distances")),
    PROBE: Strategy(_uniform),
}


def strategies_that_need(field: str) -> tuple[str, ...]:
    """Return the names of the strategies that read a field of `Candidates`."""
    return tuple(name for name, strategy in STRATEGIES.items() if field in strategy.needs)


NEED_REGION_GAPS = strategies_that_need("gaps")
NEED_DISTANCES = strategies_that_need("distances")
