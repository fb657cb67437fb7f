"""The regions as a table for the terminal: keywords, distance to speech, gap, and number of chosen texts."""

from collections.abc import Mapping

import numpy as np

KEYWORDS = 5
HEAD = f"{'region':>6} {'texts':>8} {'pool':>6} {'speech':>6} {'far':>6} {'gap':>25} {'P':>7} {'chosen':>7}  about"


def region_lines(
    table: list[dict], gaps: Mapping[int, tuple], probabilities: np.ndarray, chosen: np.ndarray
) -> list[str]:
    """Return one line per region, the regions with the most chosen texts first.

    Args:
        table: rows of `formats.regions.REGIONS`.
        gaps: `formats.gap_table.RegionGap` by region; regions may be missing.
        probabilities: probability of each region at the first draw, [K].
        chosen: number of texts drawn from each region, [K].
    """
    lines = [HEAD]
    for row in sorted(table, key=lambda row: (-chosen[row["region"]], -probabilities[row["region"]], row["region"])):
        region = row["region"]
        lines.append(
            f"{region:>6} {row['texts']:>8,} {_share(row['pool_share'])} {_share(row['speech_share'])}"
            f" {_number(row['distance_to_speech_50']):>6} {_gap(gaps.get(region)):>25} {probabilities[region]:>7.2%}"
            f" {chosen[region]:>7,}  {', '.join(row['keywords'][:KEYWORDS])}"
        )
    return lines


def _share(share: float | None) -> str:
    return f"{'-' if share is None else f'{share:.1%}':>6}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _gap(gap: tuple | None) -> str:
    if gap is None:
        return "-"
    mean, low, high, *_ = gap
    return f"{mean:.3f}" if low is None else f"{mean:.3f} ({low:.3f} to {high:.3f})"
