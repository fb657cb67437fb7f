"""Share the rows or windows of a step out to its micro-batches."""

import numpy as np


def deal(lengths: np.ndarray, piles: int) -> list[np.ndarray]:
    """Share items out to piles of about the same total length: by length, from the first pile to the last and back."""
    items = np.argsort(-lengths, kind="stable")
    turns = np.arange(len(items)) % (2 * piles)
    pile = np.where(turns < piles, turns, 2 * piles - 1 - turns)
    return [items[pile == index] for index in range(piles)]


def spread(sources: list[int], micro: int, processes: int) -> list[int]:
    """Order windows of several sources so that each micro-batch has a fair share of every source.

    Each process, which gets every `processes`-th micro-batch, reads windows of a source that follow each other: they
    are composed together, and no process composes what only others read.

    Args:
        sources: source of each window; windows of one source in the order of their numbers.
        micro: windows of a micro-batch.

    Returns:
        A permutation of the windows.
    """
    counts, seen, places = {source: sources.count(source) for source in set(sources)}, dict[int, int](), []
    for source in sources:
        seen[source] = seen.get(source, 0) + 1
        places.append((seen[source] - 0.5) / counts[source])
    mixed = np.argsort(places, kind="stable").reshape(processes, -1, micro)
    return mixed.transpose(1, 0, 2).ravel().tolist()
