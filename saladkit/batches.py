"""Group items of similar length into batches, or put several on one line, so that little of a batch is padding."""

import math
from collections.abc import Sequence
from heapq import heapreplace
from math import inf

import numpy as np

FEWER = 0.85  # numbers of lines that are tried: each this many times the one before


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


def place_on_lines(lengths: list[int], doubled: float) -> list[list[int]]:
    """Place items on lines that are padded to one length and cost least.

    A position of a line of L positions costs 1 + L / `doubled`: attention is computed over the whole line, and masked
    between items. Few long lines have little padding, many short ones little attention.

    Args:
        lengths: length of each item.
        doubled: length of a line at which attention costs as much as all else; infinite if nothing is computed that is
            masked.

    Returns:
        The items of each line, as indices of `lengths`.
    """
    most = -(-sum(lengths) // max(lengths)) + 1
    counts = {1, *(round(most * FEWER**step) for step in range(1 + int(math.log(most) / -math.log(FEWER))))}
    return min((_share_out(lengths, count) for count in sorted(counts)), key=lambda made: _cost(lengths, made, doubled))


def _share_out(lengths: list[int], lines: int) -> list[list[int]]:
    """Share items out to lines of about equal length: the longest first, each to the shortest line."""
    made: list[list[int]] = [[] for _ in range(lines)]
    filled = [(0, line) for line in range(lines)]
    for item in sorted(range(len(lengths)), key=lambda item: -lengths[item]):
        length, line = filled[0]
        made[line].append(item)
        heapreplace(filled, (length + lengths[item], line))
    return [line for line in made if line]


def _cost(lengths: list[int], lines: list[list[int]], doubled: float) -> float:
    length = max(sum(lengths[item] for item in line) for line in lines)
    return len(lines) * length * (1 + length / doubled)
