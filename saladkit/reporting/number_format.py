"""Numbers for people: percentages, points, intervals, durations, memory."""

from saladkit.scoring.statistics import Estimate

MINUS, SPACE = "\u2212", "\u00a0"


def percent(fraction: float, digits: int = 1) -> str:
    """Write 0.524 as `52.4 %`, with a space that never breaks."""
    return f"{100 * fraction:.{digits}f}{SPACE}%"


def signed(points: float) -> str:
    """Write 3.14 as `+3.1`, and numbers below zero with a true minus sign."""
    rounded = round(points, 1) + 0.0
    return f"{rounded:+.1f}".replace("-", MINUS)


def percent_interval(estimate: Estimate | None) -> str | None:
    """Write an interval of fractions in percent: `49.1 to 55.8`."""
    return None if estimate is None else f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"


def points(estimate: Estimate) -> str:
    """Write a difference: `+3.1 points (95 % interval −0.5 to +6.8)`."""
    return f"{signed(estimate.value)} points (95 % interval {signed(estimate.low)} to {signed(estimate.high)})"


def duration(seconds: float) -> str:
    """Write seconds as `4.2 s`, `42 s`, `3.5 min`, `42 min` or `1.2 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.{1 if seconds < 597 else 0}f} min"
    return f"{seconds / 3600:.1f} h"


def file_size(size: int) -> str:
    """Write bytes as `840 B`, `12 kB`, `3.4 MB` or `1.2 GB`."""
    for unit, of in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= of:
            return f"{size / of:.{1 if size < 10 * of else 0}f} {unit}"
    return f"{size} B"


def memory(size: int) -> str:
    """Write bytes as `2.46 GB`."""
    return f"{size / 1e9:.2f} GB"
