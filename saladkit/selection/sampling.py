"""Draw texts from regions by the gap: P(region) ~ P_pool(region) * M(region)^gamma (arXiv 2510.13632, Stage II)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Draw:
    """One chosen text: its row in the pool, its region, and that region's probability when the first text was drawn."""

    row: int
    region: int
    probability: float


def region_probabilities(sizes: np.ndarray, gaps: np.ndarray | None, gamma: float) -> np.ndarray:
    """P over regions, float64 [K].

    Args:
        sizes: texts of each region, [K].
        gaps: M of each region in nats, [K], not negative; may be None where gamma is 0.

    Raises:
        ValueError: gamma > 0 without gaps, or no region has both texts and a gap.
    """
    weights = sizes.astype(np.float64)
    if gamma > 0:
        if gaps is None:
            raise ValueError("gamma > 0 needs gaps")
        scale = gaps.max()  # the largest ratio is 1: M^gamma neither overflows nor vanishes altogether
        weights = weights * (np.maximum(gaps, 0) / scale if scale > 0 else np.zeros_like(weights)) ** gamma
    if weights.sum() <= 0:
        raise ValueError("no region has weight")
    return weights / weights.sum()


def draw_texts(
    regions: np.ndarray, probabilities: np.ndarray, lengths: np.ndarray, budget: float, random: np.random.Generator
) -> list[Draw]:
    """Draw a region, then one of its texts, without replacement, until the budget is spent.

    Args:
        regions: region of each candidate, int [N]; -1 for texts that may not be drawn.
        probabilities: P of each region, float64 [K].
        lengths: what each text takes of the budget, [N].

    Returns:
        The chosen texts in the order drawn; the last one is the first that reaches the budget. Fewer if the regions
        with weight run empty.
    """
    queues = [random.permutation(np.flatnonzero(regions == region)).tolist() for region in range(len(probabilities))]
    weights = np.where([len(queue) > 0 for queue in queues], probabilities, 0.0)
    chosen, spent = [], 0.0
    while spent < budget and weights.sum() > 0:
        region = int(random.choice(len(weights), p=weights / weights.sum()))
        row = queues[region].pop()
        chosen.append(Draw(row, region, float(probabilities[region])))
        spent += float(lengths[row])
        if not queues[region]:
            weights[region] = 0.0
    return chosen


def draw_per_region(regions: np.ndarray, clusters: int, count: int, random: np.random.Generator) -> list[Draw]:
    """`count` texts of every region, fewer where it has fewer: the probes."""
    sizes = np.bincount(regions[regions >= 0], minlength=clusters)
    chosen = []
    for region in range(clusters):
        rows = random.permutation(np.flatnonzero(regions == region))[:count]
        chosen += [Draw(int(row), region, float(sizes[region] / sizes.sum())) for row in rows]
    return chosen
