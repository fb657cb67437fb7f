"""Draw how many rows or windows of each source a step reads, from the weights of the sources."""

import numpy as np


def shares_of_items(weights: list[float], sizes: list[float]) -> np.ndarray:
    """Return with which share each source's items are drawn, float64 [sources], so that sizes are shared by weight.

    Args:
        sizes: mean size of an item of each source, in what the weights are shares of: positions or rows.
    """
    wanted = np.array(weights, dtype=np.float64) / np.array(sizes, dtype=np.float64)
    return wanted / wanted.sum()


def draw_counts(shares: np.ndarray, items: int, steps: int, seed: list[int]) -> np.ndarray:
    """Draw how many items of each source every step reads, int64 [steps, sources].

    Each step gets `items * share` items of a source, rounded up or down at random so that the mean is exact
    (systematic sampling): a step's mix varies less than that of independent draws.
    """
    begin = np.random.default_rng(seed).random((steps, 1))
    ends = np.concatenate([[0.0], np.cumsum(shares) * items])
    ends[-1] = items
    # The step's points are begin, begin + 1, ...; a source gets those between its two ends.
    return np.diff(np.ceil(np.maximum(ends - begin, 0.0)).astype(np.int64), axis=1)
