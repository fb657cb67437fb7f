"""Find speech that is at fault itself, so that a failure of synthesis is not mistaken for a gap.

Single recordings come first: a synthetic recording that a recognizer does not understand is a fault, and is left out. A
region is then judged by what is left of it, against natural speech where there is some: names and numbers are hard to
recognize in any voice, and regions full of them are where the gap is.
"""

from collections.abc import Mapping

import numpy as np

from saladkit.formats.gap_table import FAULT
from saladkit.settings.gap import GapSettings

LONGEST_FACTOR = 1.5  # speech that is more than this many times as long, or as short, as usual is bad
MOST_FAULTS = 0.5  # a region that lost at least this share of its recordings is bad, however good the others are


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


def are_synthetic(rows: list[dict]) -> list[bool]:
    """Return which rows are synthetic speech: those with a `voice`; all of them if no row has one."""
    voiced = [bool(row.get("voice")) for row in rows]
    return voiced if any(voiced) else [True] * len(rows)


def is_fault(item: dict, settings: GapSettings) -> bool:
    """Return whether the recording of an item is a failure of synthesis."""
    bound = settings.max_recording_cer
    return bool(item["synthetic"] and bound is not None and item["cer"] is not None and item["cer"] > bound)


def fault_row(item: dict, source: str) -> dict:
    """Describe a fault as a manifest lists rows that are left out."""
    return {"id": item["id"], "source": source, "reason": f"{FAULT}: character error rate {item['cer']:.2f}"}


def error_rate(items: list[dict]) -> float | None:
    """Return the sum of edits / the sum of characters of items, so that short texts count little; None if unknown."""
    known = [item for item in items if item["cer"] is not None and item["cer_characters"]]
    characters = sum(item["cer_characters"] for item in known)
    return sum(item["cer"] * item["cer_characters"] for item in known) / characters if known else None


def natural_error_rates(items: list[dict], settings: GapSettings) -> dict[int, float]:
    """Return the error rate of natural recordings by region, without those that the recognizer does not understand."""
    bound = settings.max_recording_cer
    by_region: dict[int, list[dict]] = {}
    for item in items:
        understood = bound is None or item["cer"] is None or item["cer"] <= bound
        if item["region"] is not None and not item["synthetic"] and understood:
            by_region.setdefault(item["region"], []).append(item)
    rates = {region: error_rate(inside) for region, inside in by_region.items()}
    return {region: rate for region, rate in rates.items() if rate is not None}


def mark_bad_speech(
    regions: list[dict], settings: GapSettings, faults: Mapping[int, int], natural: Mapping[int, float]
) -> None:
    """Set `bad_speech`, `bad_speech_reason` and `natural_cer` of regions.

    A region is bad if half of its recordings are faults, if its error rate is too high, or if its recordings are much
    too long or short. An error rate is too high above `max_region_cer`, after that of natural speech in the region is
    subtracted; or, with `worst`, among the highest, as in the paper (arXiv 2510.13632: of 15 % of regions).

    Args:
        regions: rows of `formats.gap_table.GROUPS` of kind region, without natural recordings; changed in place.
        faults: for each region, how many recordings `synth` or `is_fault` has left out.
        natural: as `natural_error_rates`.
    """
    worst = _worst(regions, settings.worst, faults) if settings.worst is not None else {}
    for row in regions:
        region, ratio = row["region"], row["duration_ratio"]
        row["natural_cer"] = natural.get(region)
        if row["cer"] is None and ratio is None and not faults:
            continue
        reasons = [
            _faulty(row["probes"], faults.get(region, 0)),
            worst.get(region) if settings.worst is not None else _too_high(row, settings.max_region_cer),
            _odd_duration(ratio),
        ]
        row["bad_speech_reason"] = next((reason for reason in reasons if reason), None)
        row["bad_speech"] = row["bad_speech_reason"] is not None


def _faulty(probes: int, faults: int) -> str | None:
    if faults < MOST_FAULTS * (probes + faults):
        return None
    return f"{faults} of {probes + faults} recordings are faults of synthesis"


def _too_high(row: dict, bound: float) -> str | None:
    if row["cer"] is None or row["cer"] - (row["natural_cer"] or 0.0) <= bound:
        return None
    beside = "" if row["natural_cer"] is None else f" (natural speech there: {row['natural_cer']:.2f})"
    return f"character error rate {row['cer']:.2f}{beside}, more than {bound:g} too high"


def _odd_duration(ratio: float | None) -> str | None:
    if ratio is None or 1 / LONGEST_FACTOR <= ratio <= LONGEST_FACTOR:
        return None
    return f"{ratio:.2f} times as long as usual"


def _worst(regions: list[dict], share: float, faults: Mapping[int, int]) -> dict[int, str]:
    """Return why the `share` of regions with the highest error rates are bad; a fault counts as an error rate of 1."""
    known = [row for row in regions if row["cer"] is not None or faults]
    error = {row["region"]: _error(row, faults.get(row["region"], 0)) for row in known}
    by_error = sorted(known, key=lambda row: (-error[row["region"]], row["region"]))
    count = int(share * len(known))
    # A region is not worse than others with the same error rate.
    bound = error[by_error[count]["region"]] if count < len(by_error) else -1.0
    worst = [row["region"] for row in by_error[:count] if error[row["region"]] > bound]
    reason = f"among the {share:.0%} of regions with the highest"
    return {region: f"character error rate {error[region]:.2f}, {reason}" for region in worst}


def _error(row: dict, faults: int) -> float:
    return ((row["cer"] or 0.0) * row["probes"] + faults) / (row["probes"] + faults)
