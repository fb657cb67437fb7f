"""Even sizes: a price per cluster, and a few moves where prices are not exact or cannot tell rows apart.

Balanced assignment is a transport problem whose dual variables are prices: raise a cluster's, and the rows that like it
least go elsewhere. Prices of the smoothed problem, its smoothing let go step by step (Cuturi, arXiv 1306.0895), come
near; equal texts have equal costs and go wherever one of them goes. What is then uneven is moved row by row.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SMOOTHINGS = [2.0**-power for power in range(1, 7)]  # in standard deviations of the costs
STEPS = 10  # at each; five left 8 % of 100,000 rows to be moved, ten 1 %, twenty 0.1 %
ROWS_PER_COLUMN = 128  # that prices are found on: counts are then known to a tenth; with 64 the costs were 3 % higher
CANDIDATES = 65_536  # rows that are looked at together for a move


@dataclass(frozen=True)
class Bounds:
    """The fewest and the most rows of a cluster."""

    low: int
    high: int


def bounds(rows: int, clusters: int, balance: float) -> Bounds:
    """Bounds around the mean size with high / low <= balance, or the nearest that whole numbers allow.

    Args:
        balance: largest / smallest, at most; infinite for none.
    """
    if np.isinf(balance):
        return Bounds(0, rows)
    mean = rows / clusters
    low = min(int(np.ceil(2 * mean / (1 + balance))), rows // clusters)
    return Bounds(low, max(int(low * balance), int(np.ceil(mean))))


def balancing_prices(costs: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """Prices with which the cheapest column of the rows is about as often one as another.

    Args:
        costs: float32 [N, K].
        start: prices of nearly the same costs, [K]; the search then begins with little smoothing.

    Returns:
        float32 [K].
    """
    rows, columns = costs.shape
    some = costs[:: max(1, rows // (ROWS_PER_COLUMN * columns))]
    prices, priced = np.zeros(columns, dtype=np.float32) if start is None else start.copy(), np.empty_like(some)
    spread = max(float(some.std()), 1e-6)
    for smoothing in (spread * part for part in SMOOTHINGS[0 if start is None else -2 :]):
        for _ in range(STEPS):
            np.add(some, prices, out=priced)
            priced -= priced.min(axis=1, keepdims=True)
            priced /= -smoothing
            np.exp(priced, out=priced)
            priced /= priced.sum(axis=1, keepdims=True)
            shares = priced.mean(axis=0) * columns
            prices += smoothing * np.log(np.maximum(shares, 1e-6))
    return prices


def keep_bounds(
    assignment: np.ndarray, columns: int, allowed: Bounds, priced_costs: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Move the rows that lose least by it until no column has too many or too few.

    Args:
        assignment: int [N].
        priced_costs: costs with prices, float32 [n, K], of the rows of these numbers.

    Returns:
        int64 [N].
    """
    assignment = assignment.astype(np.int64)
    counts = np.bincount(assignment, minlength=columns)
    while (counts > allowed.high).any():
        _move(assignment, counts - allowed.high, allowed.high - counts, priced_costs)
        counts = np.bincount(assignment, minlength=columns)
    while (counts < allowed.low).any():
        _move(assignment, counts - allowed.low, allowed.low - counts, priced_costs)
        counts = np.bincount(assignment, minlength=columns)
    return assignment


def _move(
    assignment: np.ndarray,
    spare: np.ndarray,
    room: np.ndarray,
    priced_costs: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Move rows of columns with some to spare, each to the cheapest column with room, those first that lose least."""
    rows = np.flatnonzero(spare[assignment] > 0)
    rows = rows[:: -(-len(rows) // CANDIDATES)]
    costs = priced_costs(rows)
    stays = costs[np.arange(len(rows)), assignment[rows]]
    costs[:, room <= 0] = np.inf
    goes = costs.argmin(axis=1)
    loss = costs[np.arange(len(rows)), goes] - stays
    spare, room = spare.tolist(), room.tolist()
    for place in np.argsort(loss, kind="stable").tolist():
        source, target = int(assignment[rows[place]]), int(goes[place])
        if spare[source] > 0 and room[target] > 0:
            assignment[rows[place]] = target
            spare[source] -= 1
            room[target] -= 1
