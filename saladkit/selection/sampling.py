"""Draw texts at random: put them into an order, and take as many as a budget allows.

The order depends on the seed and the ids alone, not on how a pool is split into files: every id has its own random
number.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

PICKS_AT_ONCE = 4096


def uniform_numbers(ids: Iterable[str], seed: int) -> np.ndarray:
    """Return one number in (0, 1) per id, float64 [N], from a hash keyed by the seed."""
    key = seed.to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(id_.encode(), digest_size=8, key=key).digest() for id_ in ids)
    return ((np.frombuffer(digests, dtype="<u8") >> np.uint64(11)) + 0.5) / 2.0**53


def region_probabilities(sizes: np.ndarray, gaps: np.ndarray, gamma: float) -> np.ndarray:
    """Return P(region) ~ P_pool(region) * M(region)^gamma (arXiv 2510.13632, Stage II), float64 [K].

    Args:
        sizes: texts of each region, [K].
        gaps: M of each region in nats, [K]; negative values count as 0.

    Raises:
        ValueError: no region has both texts and a gap.
    """
    gaps = np.where(sizes > 0, np.maximum(gaps, 0), 0.0)
    scale = gaps.max()  # so that the largest M is 1, and M^gamma neither overflows nor is 0 everywhere
    weights = sizes * (gaps / scale if scale > 0 else gaps) ** gamma
    if weights.sum() <= 0:
        raise ValueError("no region has weight")
    return weights / weights.sum()


def by_region(
    regions: np.ndarray, probabilities: np.ndarray, uniform: np.ndarray, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Draw a region and then one of its texts, without replacement, until no region with weight has texts left.

    Args:
        regions: region of each text, int [N]; -1 for texts that may not be drawn.
        probabilities: P of each region, float64 [K].
        uniform: random number of each text, [N].

    Yields:
        Rows in the order drawn, in pieces.
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
            if taken[region] == len(queues[region]):  # the remaining picks were drawn by outdated weights
                weights[region] = 0.0
                break
        yield np.array(drawn)


def by_weight(log_weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Order rows as if each were drawn by its weight among those left (Efraimidis and Spirakis 2006; Gumbel top-k).

    Args:
        log_weights: float64 [N]; minus infinity for texts that may not be drawn.
        uniform: random number of each text, [N].

    Returns:
        The rows that may be drawn, int64 [n].
    """
    allowed = np.flatnonzero(log_weights > -np.inf)
    keys = np.log(-np.log(uniform[allowed])) - log_weights[allowed]
    return allowed[np.argsort(keys, kind="stable")]


def by_share(regions: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Order rows so that every prefix has each region's share of the texts, to one text (stratified sampling)."""
    place, count = _places(regions, uniform)
    allowed = np.flatnonzero(regions >= 0)
    return allowed[np.lexsort((uniform[allowed], ((place + uniform) / count)[allowed]))]


def by_cap(regions: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Order rows by the cap t that keeps them: of n texts of a region each is kept with min(1, t / n) (MetaCLIP)."""
    _, count = _places(regions, uniform)
    allowed = np.flatnonzero(regions >= 0)
    return allowed[np.argsort((uniform * count)[allowed], kind="stable")]


def _places(regions: np.ndarray, uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of each text in the order of its region, and the texts of that region, both int [N]."""
    counts = np.bincount(regions[regions >= 0], minlength=1)
    order = np.lexsort((uniform, regions))
    starts = np.searchsorted(regions[order], regions[order], side="left")
    place = np.empty(len(regions), dtype=np.int64)
    place[order] = np.arange(len(regions)) - starts
    return place, np.where(regions >= 0, counts[np.maximum(regions, 0)], 1)


def per_region(regions: np.ndarray, clusters: int, count: int, uniform: np.ndarray) -> np.ndarray:
    """Draw `count` texts of every region as probes, or all of a smaller region."""
    place, _ = _places(regions, uniform)
    rows = np.flatnonzero((regions >= 0) & (place < count) & (regions < clusters))
    return rows[np.lexsort((uniform[rows], regions[rows]))]


def effective_texts(probabilities: np.ndarray, drawn: np.ndarray) -> float:
    """Return the effective sample size (Kish): how many uniformly drawn texts would tell as much about the pool.

    It is (sum of 1 / c)^2 / sum of 1 / c^2 over the drawn texts. The chance c of a text to be drawn is about
    1 - exp(-p * t), where t makes the chances of all texts sum to the number of drawn ones.

    Args:
        probabilities: p of each text, at the first draw, [N].
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
    """Return the first rows of an order up to the one that reaches the budget.

    Args:
        order: rows in the order drawn, in pieces.
        costs: cost of each text, [N], in the unit of the budget.

    Returns:
        int64 [n]; all rows if together they cost less than the budget.
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
