"""Group items of similar length into batches, so that little of a batch is padding."""

from collections.abc import Sequence
from math import inf

import numpy as np


def batches_by_length(
    lengths: Sequence[float] | np.ndarray,
    *,
    items: float = inf,
    padded: float = inf,
    total: float = inf,
    longest_first: bool = False,
    equal: bool = False,
) -> list[list[int]]:
    """Return the items of each batch, as indices of `lengths`.

    Batches go from the shortest items to the longest; items of the same length keep their order. A batch is as large
    as all limits allow, and has at least one item.

    Args:
        lengths: length of each item in any unit, [n].
        items: most items of a batch.
        padded: largest padded size of a batch, its number of items times its longest length.
        total: largest sum of the lengths of a batch.
        longest_first: start with the longest items, so that a batch that does not fit into memory fails at once.
        equal: whether all items of a batch must have exactly the same length.
    """
    known = np.asarray(lengths)
    order = np.argsort(-known if longest_first else known, kind="stable")
    batches: list[list[int]] = []
    first = longest = summed = 0
    for index, length in zip(order.tolist(), known[order].tolist(), strict=True):
        longest, summed = max(longest, length), summed + length
        fits = batches and len(batches[-1]) < items and (len(batches[-1]) + 1) * longest <= padded and summed <= total
        if fits and (length == first or not equal):
            batches[-1].append(index)
        else:
            batches.append([index])
            first = longest = summed = length
    return batches
