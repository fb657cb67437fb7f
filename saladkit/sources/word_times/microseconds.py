"""Times in whole microseconds: what is written can be added up and read back without a remainder."""

import math


def microseconds(seconds: float) -> int | None:
    """`seconds` rounded to microseconds; None for what is no finite number."""
    return round(seconds * 1_000_000) if math.isfinite(seconds) else None


def spelled(time: int) -> str:
    """A time of at least 0 microseconds in seconds, always with six digits behind the point."""
    return f"{time // 1_000_000}.{time % 1_000_000:06d}"
