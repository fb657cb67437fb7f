"""Share the rows or windows of a run out to its sources, from their weights."""

import numpy as np

ROUNDING = 1e-9  # items


def shares_of_items(weights: list[float], sizes: list[float]) -> np.ndarray:
    """Return the share of the items that each source has, float64 [sources], so that sizes are shared by weight.

    Args:
        sizes: mean size of an item of each source, in what the weights are shares of: positions or rows.
    """
    wanted = np.array(weights, dtype=np.float64) / np.array(sizes, dtype=np.float64)
    return wanted / wanted.sum()


def counts_of_steps(shares: np.ndarray, items: int, steps: int) -> np.ndarray:
    """Return how many items of each source every step reads, int64 [steps, sources].

    Each step gets `items * share` items of a source, rounded down or up. Up for those sources that are furthest behind
    what they should have by then: after each step, so also in a run of few steps, each of up to four sources is less
    than one item off, and of five to eight at most 1.1 (tests/rows/test_mixing.py).
    """
    exact = items * shares
    least = np.floor(exact + ROUNDING)
    more = round(items - least.sum())
    so_far, counts = np.zeros(len(shares)), np.empty((steps, len(shares)))
    for step in range(steps):
        behind = (step + 1) * exact - so_far - least
        counts[step] = least
        counts[step, np.argsort(-behind, kind="stable")[:more]] += 1
        so_far += counts[step]
    return counts.astype(np.int64)
