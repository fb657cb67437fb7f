"""What `gap` prints: the summary for programs, and lines for people."""

from dataclasses import asdict

from saladkit.formats.gap_table import BY_DISTANCE, LEAST_RELIABILITY, spans_of
from saladkit.settings.gap import GapSettings

SHOWN = ("misalignment", "teacher_kl", "forgetting", "jsd", "text_nll", "speech_nll", "agreement")
SEPARATE = 0.1  # below this ICC, a region says little about its texts


def gap_figures(groups: list[dict], spread: list[dict], behind: list[dict], settings: GapSettings) -> dict:
    """Return the summary of a gap table: means with intervals, their spans, M behind speech, and how regions differ.

    Args:
        groups, spread, behind: rows of `formats.gap_table`'s GROUPS, SPREAD and BEHIND.
    """
    (every,) = (group for group in groups if group["kind"] == "all")
    means = {
        metric: _rounded({"mean": every[metric], "low": every[f"{metric}_low"], "high": every[f"{metric}_high"]})
        for metric in SHOWN
    }
    by_region = {
        row["metric"]: _rounded({name: row[name] for name in ("reliability", "icc")})
        for row in spread
        if row["kind"] == "region" and row["metric"] in BY_DISTANCE
    }
    bad = {str(group["region"]): group["bad_speech_reason"] for group in groups if group["bad_speech"]}
    return (
        means
        | {"spans": spans_of(asdict(settings)), "behind_speech": [behind_figures(row) for row in behind]}
        | ({"by_region": by_region} if by_region else {})
        | ({"cer": round(every["cer"], 4)} if every["cer"] is not None else {})
        | ({"bad_speech": bad} if bad else {})
    )


def tokens_behind(row: dict) -> str:
    """Return the distance of a row of BEHIND: `1`, `3-4` or `17+`."""
    if row["last"] is None:
        return f"{row['first']}+"
    return str(row["first"]) if row["first"] == row["last"] else f"{row['first']}-{row['last']}"


def behind_figures(row: dict) -> dict:
    """Return the shares and means of a row of BEHIND, rounded."""
    names = ["tokens_share", *(f"{metric}{part}" for metric in BY_DISTANCE for part in ("", "_share"))]
    return {"tokens": tokens_behind(row)} | _rounded({name: row[name] for name in names})


def _rounded(figures: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}


def gap_lines(figures: dict) -> list[str]:
    """Return lines for the terminal, given what `gap_figures` returned."""
    found = figures["misalignment"]
    lines = [
        f"gap: M {found['mean']:.3f} nats per text token ({found['low']:.3f}-{found['high']:.3f}), {figures['spans']}",
        f"{'tokens behind speech':>22} {'of tokens':>10} {'M':>7} {'of M':>7} {'teacher KL':>11}",
    ]
    for row in figures["behind_speech"]:
        if row["tokens_share"]:
            share = row["misalignment_share"]
            lines.append(
                f"{row['tokens']:>22} {row['tokens_share']:>10.1%} {row['misalignment']:>7.3f}"
                f" {'-' if share is None else f'{share:.1%}':>7} {row['teacher_kl']:>11.3f}"
            )
    return lines + _region_lines(figures.get("by_region", {}))


def _region_lines(by_region: dict) -> list[str]:
    lines = []
    for metric, spread in by_region.items():
        name = metric.replace("_", " ")
        if spread["reliability"] is None:
            lines.append(f"note: the reliability of the regions' {name} is unknown: give two probes of some regions")
            continue
        lines.append(f"gap: {name} by region: reliability {spread['reliability']:.2f}, {icc_sentence(spread['icc'])}")
        if spread["reliability"] < LEAST_RELIABILITY:
            lines.append(
                f"note: the reliability of the regions' {name} is below {LEAST_RELIABILITY}:"
                " give more probes a region, or fewer regions"
            )
    return lines


def icc_sentence(icc: float | None) -> str:
    """Say what share of the variance of probes lies between regions, and what follows for the number of regions."""
    if icc is None:
        return "ICC unknown"
    if icc < SEPARATE:
        return f"ICC {icc:.2f}: the regions hardly separate texts by their gap; try another number of --clusters"
    return f"ICC {icc:.2f}: the share of the texts' variance that lies between regions; compare it over --clusters"
