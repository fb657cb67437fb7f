"""Even out cluster sizes by a price per cluster, and then by moving single rows.

Balanced assignment is a transport problem whose dual variables are prices: raise the price of a cluster, and the rows
that fit it least go elsewhere. Solving a smoothed problem with less and less smoothing (Cuturi, arXiv 1306.0895) gives
nearly exact prices. Prices cannot separate equal texts, which have equal costs; single rows are moved in the end until
all sizes are within bounds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SMOOTHINGS = [2.0**-power for power in range(1, 7)]  # in standard deviations of the costs
STEPS = 10  # per smoothing; of 100,000 rows, 8 % were left to move after five steps, 1 % after ten, 0.1 % after twenty
ROWS_PER_COLUMN = 128  # to find prices on, which gives counts to 10 %; with 64 the final costs were 3 % higher
CANDIDATES = 65_536  # rows that are considered together for a move


@dataclass(frozen=True)
class Bounds:
    """The fewest and the most rows that a cluster may have."""

    low: int
    high: int


def bounds(rows: int, clusters: int, balance: float) -> Bounds:
    """Return bounds around the mean size with high / low <= balance, or the nearest that whole numbers allow.

    Args:
        balance: greatest ratio of the largest to the smallest cluster; infinite for no bounds.
    """
    if np.isinf(balance):
        return Bounds(0, rows)
    mean = rows / clusters
    low = min(int(np.ceil(2 * mean / (1 + balance))), rows // clusters)
    return Bounds(low, max(int(low * balance), int(np.ceil(mean))))


def balancing_prices(costs: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """Find prices with which every column is the cheapest of about as many rows.

    Args:
        costs: float32 [N, K].
        start: prices for nearly the same costs, [K]; the search then starts with little smoothing.

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
    """Move rows, the cheapest moves first, until no column has too many or too few.

    Args:
        assignment: column of each row, int [N].
        priced_costs: returns costs plus prices, float32 [n, K], of n given rows.

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
    """Move rows from columns with rows to spare to the cheapest column with room, the cheapest moves first."""
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
