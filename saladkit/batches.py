"""Group items of similar length into batches, or put several on one line, so that little of a batch is padding."""

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


def place_on_lines(lengths: list[int], capacity: int | None) -> list[list[int]]:
    """Place items on as few lines as best fit finds: the longest first, each on the fullest line that has room.

    Args:
        lengths: length of each item.
        capacity: length of a line; longer items get a line of their own. None puts all items on one line.

    Returns:
        The items of each line, as indices of `lengths`.
    """
    if capacity is None:
        return [list(range(len(lengths)))]
    lines: list[list[int]] = []
    room = np.zeros(len(lengths), dtype=np.int64)
    for item in sorted(range(len(lengths)), key=lambda item: -lengths[item]):
        left = room[: len(lines)] - lengths[item]
        fitting = np.flatnonzero(left >= 0)
        if len(fitting):
            line = int(fitting[np.argmin(left[fitting])])
        else:
            line = len(lines)
            lines.append([])
            room[line] = max(capacity, lengths[item])
        lines[line].append(item)
        room[line] -= lengths[item]
    return lines
