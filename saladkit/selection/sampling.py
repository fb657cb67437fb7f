"""The order in which texts are drawn, and how far a budget reaches in it.

An order depends on seed and ids alone, never on how a pool is cut into files: every id has its own uniform number.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

PICKS_AT_ONCE = 4096


def uniform_numbers(ids: Iterable[str], seed: int) -> np.ndarray:
    """One number in (0, 1) an id, float64 [N], by a keyed hash."""
    key = seed.to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(id_.encode(), digest_size=8, key=key).digest() for id_ in ids)
    return ((np.frombuffer(digests, dtype="<u8") >> np.uint64(11)) + 0.5) / 2.0**53


def region_probabilities(sizes: np.ndarray, gaps: np.ndarray, gamma: float) -> np.ndarray:
    """P(region) ~ P_pool(region) * M(region)^gamma (arXiv 2510.13632, Stage II), float64 [K].

    Args:
        sizes: texts of each region, [K].
        gaps: M of each region in nats, [K]; what is negative counts as 0.

    Raises:
        ValueError: no region has both texts and a gap.
    """
    gaps = np.where(sizes > 0, np.maximum(gaps, 0), 0.0)
    scale = gaps.max()  # the largest ratio is 1: M^gamma neither overflows nor vanishes altogether
    weights = sizes * (gaps / scale if scale > 0 else gaps) ** gamma
    if weights.sum() <= 0:
        raise ValueError("no region has weight")
    return weights / weights.sum()


def by_region(
    regions: np.ndarray, probabilities: np.ndarray, uniform: np.ndarray, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Draw a region, then one of its texts, without replacement, until the regions with weight are empty.

    Args:
        regions: region of each text, int [N]; -1 for texts that may not be drawn.
        probabilities: P of each region, float64 [K].
        uniform: the texts' numbers, [N].

    Yields:
        Rows in the order drawn, some at a time.
    """
    order = np.lexsort((uniform, regions))
    ends = np.searchsorted(regions[order], np.arange(len(probabilities) + 1))
    queues = [order[begin:end] for begin, end in zip(ends[:-1], ends[1:], strict=True)]
    taken = np.zeros(len(queues), dtype=np.int64)
    weights = np.where([len(queue) > 0 for queue in queues], probabilities, 0.0)
    while weights.sum() > 0:
        picks = random.choice(len(weights), size=PICKS_AT_ONCE, p=weights / weights.sum())
        drawn = []
        for region in picks.tolist():
            drawn.append(queues[region][taken[region]])
            taken[region] += 1
            if taken[region] == len(queues[region]):  # the rest of the picks would be of other weights
                weights[region] = 0.0
                break
        yield np.array(drawn)


def by_weight(log_weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Rows as if each next one were drawn by its weight among those left (Efraimidis and Spirakis 2006; Gumbel top-k).

    Args:
        log_weights: float64 [N]; minus infinity for texts that may not be drawn, which are left out.
        uniform: the texts' numbers, [N].
    """
    allowed = np.flatnonzero(log_weights > -np.inf)
    keys = np.log(-np.log(uniform[allowed])) - log_weights[allowed]
    return allowed[np.argsort(keys, kind="stable")]


def by_share(regions: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Rows such that every beginning holds each region by its share of the texts, to one text (stratified sampling)."""
    place, count = _places(regions, uniform)
    allowed = np.flatnonzero(regions >= 0)
    return allowed[np.lexsort((uniform[allowed], ((place + uniform) / count)[allowed]))]


def by_cap(regions: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Rows as a cap t rises: a text of a region with n texts is kept with probability min(1, t / n) (MetaCLIP)."""
    _, count = _places(regions, uniform)
    allowed = np.flatnonzero(regions >= 0)
    return allowed[np.argsort((uniform * count)[allowed], kind="stable")]


def _places(regions: np.ndarray, uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(place of each text in its region's order, texts of its region)."""
    counts = np.bincount(regions[regions >= 0], minlength=1)
    order = np.lexsort((uniform, regions))
    starts = np.searchsorted(regions[order], regions[order], side="left")
    place = np.empty(len(regions), dtype=np.int64)
    place[order] = np.arange(len(regions)) - starts
    return place, np.where(regions >= 0, counts[np.maximum(regions, 0)], 1)


def per_region(regions: np.ndarray, clusters: int, count: int, uniform: np.ndarray) -> np.ndarray:
    """`count` texts of every region, fewer where it has fewer: the probes."""
    place, _ = _places(regions, uniform)
    rows = np.flatnonzero((regions >= 0) & (place < count) & (regions < clusters))
    return rows[np.lexsort((uniform[rows], regions[rows]))]


def effective_texts(probabilities: np.ndarray, drawn: np.ndarray) -> float:
    """How many texts drawn evenly would tell as much of the pool (Kish): (sum of 1 / c)^2 / sum of 1 / c^2.

    A text's chance c to be among them is about 1 - exp(-p * t), with t such that the chances sum to their number.

    Args:
        probabilities: of each text at the first draw, [N].
        drawn: rows, int [n].
    """
    eligible = probabilities[probabilities > 0]
    if len(drawn) >= len(eligible):
        return float(len(drawn))
    low, high = 0.0, 1.0
    while -np.expm1(-eligible * high).sum() < len(drawn) and high < 1e300:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if -np.expm1(-eligible * middle).sum() < len(drawn) else (low, middle)
    chances = np.maximum(-np.expm1(-probabilities[drawn] * high), np.finfo(np.float64).tiny)
    weights = chances.min() / chances
    return float(weights.sum() ** 2 / (weights**2).sum())


def spend(order: Iterable[np.ndarray], costs: np.ndarray, budget: float) -> np.ndarray:
    """The first rows of an order until the budget is spent; the last is the first that reaches it.

    Args:
        order: rows in the order drawn, some at a time.
        costs: what each text takes of the budget, [N].

    Returns:
        int64 [n]; all rows where they cost less than the budget.
    """
    chosen, spent = [np.empty(0, dtype=np.int64)], 0.0
    for rows in order:
        after = spent + np.cumsum(costs[rows])
        within = rows[: int(np.searchsorted(after, budget - 1e-9 * budget)) + 1]
        chosen.append(within)
        spent = float(after[len(within) - 1]) if len(within) else spent
        if spent >= budget - 1e-9 * budget:
            break
    return np.concatenate(chosen)
