"""How many texts are drawn from other regions than they would be if M had no sampling error.

P(region) ~ P_pool * M^gamma multiplies the error of log M by gamma: where four probes tell M to a factor of 1.4, they
tell M^5 to a factor of five. Such a selection mostly follows the probes that happened to be drawn.
"""

from dataclasses import dataclass, replace

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.gap_table import LEAST_RELIABILITY, POSITIVE, RegionGap
from saladkit.selection.known_pool import KnownPool
from saladkit.settings.select import COVERAGE, SelectSettings

DRAWS = 500  # of the true M of all regions: the mean share is then known to about one percent of the texts
MOST_PROBES = 1_000_000


@dataclass(frozen=True)
class Uncertain:
    """M of K regions as far as it is known: normally distributed around the shrunk means, on the scale of the errors.

    Attributes:
        means: shrunk means, float64 [K].
        variances: sampling variances of the means that were measured, [K].
        between: variance of the true means between regions.
        log: whether both variances are of log M.
    """

    means: np.ndarray
    variances: np.ndarray
    between: float
    log: bool

    def draws(self) -> np.ndarray:
        """Draw true means, given the measured ones, float64 [DRAWS, K]; the same random numbers in every call."""
        total = self.between + self.variances
        spread = np.sqrt(np.divide(self.between * self.variances, total, out=np.zeros_like(total), where=total > 0))
        noise = spread * np.random.default_rng(0).standard_normal((DRAWS, len(self.means)))
        return self.means * np.exp(noise) if self.log else self.means + noise


def misplaced_share(uncertain: Uncertain, sizes: np.ndarray, gamma: float) -> float:
    """Return the expected share of texts that are drawn from other regions than M without sampling error would take.

    It is the total variation distance of P(region) by the shrunk means from P(region) by the true ones, in the mean
    over the true means that the measurement leaves possible.

    Args:
        sizes: texts of each region, [K]; 0 for regions that are left out.
    """
    drawn = _probabilities(sizes, uncertain.means[None], gamma)
    return float(np.abs(drawn - _probabilities(sizes, uncertain.draws(), gamma)).sum(axis=1).mean() / 2)


def _probabilities(sizes: np.ndarray, means: np.ndarray, gamma: float) -> np.ndarray:
    """Return P(region) for each row of means [n, K]; rows without a gap take the pool's own shares."""
    gaps = np.where(sizes > 0, np.maximum(means, 0), 0.0)
    largest = gaps.max(axis=1, keepdims=True)
    weights = sizes * np.divide(gaps, largest, out=np.ones_like(gaps), where=largest > 0) ** gamma
    return weights / weights.sum(axis=1, keepdims=True)


def probes_needed(uncertain: Uncertain, sizes: np.ndarray, gamma: float, probes: float, most: float) -> int | None:
    """Return the smallest number of probes a region that leaves at most the share `most` misplaced, or None.

    None stands for more than a million.

    Sampling variances fall as the number of probes grows; the shrunk means are taken to stay where they are.

    Args:
        probes: the mean number of probes a region that the variances are of.
    """

    def enough(count: int) -> bool:
        known = replace(uncertain, variances=uncertain.variances * probes / count)
        return misplaced_share(known, sizes, gamma) <= most

    low, high = 0, max(1, round(probes))
    while not enough(high) and high < MOST_PROBES:
        low, high = high, 2 * high
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def check_gamma(known: KnownPool, gaps: dict[int, RegionGap], settings: SelectSettings) -> dict:
    """Return the share of texts that sampling errors misplace and the reliability of M, for the summary.

    Empty if the strategy does not use M of regions; both are None if its error is unknown.

    Args:
        gaps: M by region, where the strategy uses it.

    Raises:
        SaladError: the share is above `max_noise`.
    """
    if known.measured is None or not gaps or settings.metric == COVERAGE or settings.gamma == 0:
        return {}
    spread = known.measured.spread
    if spread is None or spread["between"] is None:
        return {"misplaced": None, "reliability": None}
    numbers = [row["region"] for row in known.table]
    uncertain = Uncertain(
        np.array([gaps[number].mean if number in gaps else 0.0 for number in numbers], dtype=np.float64),
        np.array([(gaps[number].error if number in gaps else None) or 0.0 for number in numbers]) ** 2,
        spread["between"],
        known.measured.column in POSITIVE,
    )
    share, sizes = misplaced_share(uncertain, known.sizes(), settings.gamma), known.sizes()
    if share > settings.max_noise:
        probes = float(np.mean([gap.probes for gap in gaps.values()]))
        needed = probes_needed(uncertain, sizes, settings.gamma, probes, settings.max_noise)
        raise SaladError(
            f"{probes:.3g} probes a region cannot carry --gamma {settings.gamma:g}: the sampling error of"
            f" {settings.metric} would misplace {share:.0%} of the texts (--max-noise {settings.max_noise:g})",
            f"Lower --gamma, or measure about {needed} probes a region (--per-region {needed})."
            if needed is not None
            else "Lower --gamma, or raise --max-noise: no number of probes is enough.",
        )
    return {"misplaced": round(share, 4), "reliability": round(spread["reliability"], 4)}


def certainty_notes(certainty: dict, metric: str) -> list[str]:
    """Return notes on what `check_gamma` returned: the error of M is unknown, or M says little about the regions."""
    reliability = certainty.get("reliability", 1.0)
    if reliability is None:
        return [f"note: the error of the regions' {metric} is unknown: measure two probes of some regions"]
    if reliability == 0:  # tau^2 is 0
        return [
            f"note: the regions' {metric} differ no more than by sampling error, so their shrunk means are equal,"
            " so --gamma has no effect and `active` selects as `uniform` does; measure more probes"
            " (`select --per-region`), or give --strategy uniform or coverage"
        ]
    if reliability < LEAST_RELIABILITY:
        return [f"note: the reliability of the regions' {metric} is {reliability:.2f}: measure more probes"]
    return []
