"""Whether synthetic speech is at fault where the gap is large: how well it is understood, and how long it takes."""

import numpy as np

LONGEST_FACTOR = 1.5  # a region whose speech takes so many times as long as usual, or so many times less, is marked


def duration_ratios(rows: list[dict]) -> dict[str, float]:
    """For each id the duration of a row over what its text would take at its speaker's median rate of characters.

    Args:
        rows: with `id`, `text`, `duration` (s, may be None) and `speaker`.
    """
    known = [row for row in rows if row.get("duration")]
    rates: dict[str | None, list[float]] = {}
    for row in known:
        rates.setdefault(row.get("speaker"), []).append(row["duration"] / len(row["text"]))
    usual = {speaker: float(np.median(of_speaker)) for speaker, of_speaker in rates.items()}
    return {row["id"]: row["duration"] / (len(row["text"]) * usual[row.get("speaker")]) for row in known}


def mark_bad_speech(regions: list[dict], worst: float, left_out: dict[int, int] | None = None) -> None:
    """Set `bad_speech` of rows of regions: the `worst` share by character error rate, and the much too long or short.

    The method drops the 15 % of regions with the highest character error rate (arXiv 2510.13632), so that a failure of
    speech synthesis is not mistaken for a gap. Of the `left_out` recordings of a region, which the gate of `synth` has
    refused, nothing was understood: each counts as an error rate of 1.
    """
    left_out = left_out or {}
    known = [row for row in regions if row["cer"] is not None or left_out]
    error = {row["region"]: _error(row, left_out.get(row["region"], 0)) for row in known}
    by_error = sorted(known, key=lambda row: (-error[row["region"]], row["region"]))
    count = int(worst * len(known))
    # who is as well understood as others is not worse
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
