"""Find regions whose gap may come from bad synthetic speech: hard to recognize, too slow or too fast."""

import numpy as np

LONGEST_FACTOR = 1.5  # speech that is more than this many times as long, or as short, as usual is bad


def duration_ratios(rows: list[dict]) -> dict[str, float]:
    """Return for each id the duration of its speech / the duration expected from its text and its speaker's usual rate.

    The usual rate of a speaker is the median of seconds per character.

    Args:
        rows: with `id`, `text`, `duration` (s, may be None) and `speaker`. Rows without a duration are left out.
    """
    known = [row for row in rows if row.get("duration")]
    rates: dict[str | None, list[float]] = {}
    for row in known:
        rates.setdefault(row.get("speaker"), []).append(row["duration"] / len(row["text"]))
    usual = {speaker: float(np.median(of_speaker)) for speaker, of_speaker in rates.items()}
    return {row["id"]: row["duration"] / (len(row["text"]) * usual[row.get("speaker")]) for row in known}


def mark_bad_speech(regions: list[dict], worst: float, left_out: dict[int, int] | None = None) -> None:
    """Set `bad_speech` of regions: those with the highest character error rates, and those much too long or short.

    The method drops the 15 % of regions with the highest character error rate (arXiv 2510.13632), so that a failure of
    speech synthesis is not mistaken for a gap.

    Args:
        regions: rows of `formats.gap_table.GROUPS` of kind region; changed in place.
        worst: share of regions to mark by their error rate.
        left_out: for each region, how many recordings the gate of `synth` has refused; each counts as an error rate
            of 1.
    """
    left_out = left_out or {}
    known = [row for row in regions if row["cer"] is not None or left_out]
    error = {row["region"]: _error(row, left_out.get(row["region"], 0)) for row in known}
    by_error = sorted(known, key=lambda row: (-error[row["region"]], row["region"]))
    count = int(worst * len(known))
    # A region is not worse than others with the same error rate.
    bound = error[by_error[count]["region"]] if count < len(by_error) else -1.0
    worst_regions = {row["region"] for row in by_error[:count] if error[row["region"]] > bound}
    for row in regions:
        ratio = row["duration_ratio"]
        if row["cer"] is None and ratio is None and not left_out:
            continue
        odd = ratio is not None and not 1 / LONGEST_FACTOR <= ratio <= LONGEST_FACTOR
        row["bad_speech"] = row["region"] in worst_regions or odd


def _error(row: dict, left_out: int) -> float:
    return ((row["cer"] or 0.0) * row["probes"] + left_out) / (row["probes"] + left_out)
