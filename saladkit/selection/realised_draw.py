"""Compare the draw that a strategy asked for with the one that was made: a small pool has no more texts to give."""

from dataclasses import dataclass

import numpy as np

LARGE = 0.1  # total variation beyond chance that deserves a note


@dataclass(frozen=True)
class EmptyRegion:
    """A region of which the draw asked for more texts than it had."""

    region: int
    asked: float  # texts; expected ones of a random draw
    had: int  # texts that might be chosen
    chosen: int  # the others are near duplicates


@dataclass(frozen=True)
class RealisedDraw:
    """How far a draw is from the one that was asked for.

    Attributes:
        unit: texts, tokens or hours, as the budget is spent.
        total_variation: half the sum over regions of |share asked for - share drawn|, from 0 to 1.
        by_chance: its expectation for random draws from a pool without end.
    """

    unit: str
    total_variation: float
    by_chance: float
    empty: list[EmptyRegion]

    @property
    def is_large(self) -> bool:
        """Whether the two differ by much more than chance."""
        return self.total_variation > self.by_chance + LARGE

    def figures(self) -> dict:
        """Return all figures, rounded, for summary and manifest."""
        return {
            "counted_in": self.unit,
            "total_variation": round(self.total_variation, 4),
            "expected_by_chance": round(self.by_chance, 4),
            "regions_that_ran_empty": [vars(region) | {"asked": round(region.asked, 1)} for region in self.empty],
        }


def compare_draws(
    asked: np.ndarray, regions: np.ndarray, costs: np.ndarray, drawn: np.ndarray, spent: np.ndarray, unit: str
) -> RealisedDraw:
    """Compare shares of regions in the cost of a draw.

    The expected difference by chance takes the share of a region for normally distributed: of n draws with shares s of
    the cost, the variance of s is that of a ratio of means.

    Args:
        asked: texts that the draw asks of each region, expected ones if it is random, float64 [K].
        regions: region of each text, int [N]; -1 for texts that may not be chosen.
        costs: of each text, [N].
        drawn: the chosen rows, int [n].
        spent: rows that were drawn and not chosen, such as near duplicates, int [m].
        unit: of the costs.
    """
    count = len(asked)
    had = np.bincount(regions[regions >= 0], minlength=count)
    chosen = np.bincount(regions[drawn], minlength=count)
    used = chosen + np.bincount(regions[spent], minlength=count)
    mean, square = _moments(regions, costs, count)
    probabilities = asked / asked.sum()
    whole = (probabilities * mean).sum()
    shares = probabilities * mean / whole
    found = np.bincount(regions[drawn], weights=costs[drawn], minlength=count) / costs[drawn].sum()
    second = probabilities * square / whole**2
    variance = (second * (1 - shares) ** 2 + (second.sum() - second) * shares**2) / len(drawn)
    empty = np.flatnonzero((used >= had) & (asked > chosen))
    return RealisedDraw(
        unit,
        float(np.abs(shares - found).sum() / 2),
        float(np.sqrt(2 / np.pi * variance).sum() / 2),
        [EmptyRegion(int(r), float(asked[r]), int(had[r]), int(chosen[r])) for r in empty],
    )


def _moments(regions: np.ndarray, costs: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean cost of a text and the mean square, float64 [K] each; of a region without texts, those of all."""
    inside = regions >= 0
    texts = np.bincount(regions[inside], minlength=count)
    found = []
    for values in (costs.astype(np.float64), costs.astype(np.float64) ** 2):
        sums = np.bincount(regions[inside], weights=values[inside], minlength=count)
        found.append(np.where(texts > 0, sums / np.maximum(texts, 1), values[inside].mean()))
    return found[0], found[1]


def note_on_draw(draw: RealisedDraw, fix: str) -> str | None:
    """Return a line about regions that ran empty and a draw that is far from the one asked for; None without either."""
    if not draw.empty and not draw.is_large:
        return None
    listed = ", ".join(f"{of.region} (asked {of.asked:.0f}, had {of.had})" for of in draw.empty[:8])
    more = f" and {len(draw.empty) - 8} more" if len(draw.empty) > 8 else ""
    ran = f"regions that ran empty: {listed}{more}; " if draw.empty else ""
    line = (
        f"{ran}total variation between the {draw.unit} by region asked for and drawn is {draw.total_variation:.2f}"
        f" ({draw.by_chance:.2f} by chance)"
    )
    return f"note: {line}; {fix}" if draw.is_large else f"select: {line}"
