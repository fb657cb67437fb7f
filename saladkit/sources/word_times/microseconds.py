"""Times in whole microseconds, which can be written, read back and added up exactly."""

import math


def microseconds(seconds: float | None) -> int | None:
    """Return `seconds` rounded to microseconds; None for None and for numbers that are not finite."""
    return None if seconds is None or not math.isfinite(seconds) else round(seconds * 1_000_000)


def in_seconds(time: int) -> str:
    """Return a time in microseconds, at least 0, as text in seconds with six decimals."""
    return f"{time // 1_000_000}.{time % 1_000_000:06d}"
