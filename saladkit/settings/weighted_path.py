"""A source with its weight: `PATH` or `PATH:WEIGHT`."""

import math
from dataclasses import dataclass
from typing import Self

from saladkit.errors import SaladError


@dataclass(frozen=True)
class WeightedPath:
    """A source of rows, and how often it is drawn relative to the other sources."""

    path: str
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str, *, least: float = math.ulp(0.0)) -> Self:
        """Split off a weight, if the text after the last colon is a number.

        Args:
            least: smallest weight that is allowed: any above 0, or 0.

        Raises:
            SaladError: the weight is below `least`, or not finite.
        """
        path, colon, weight = text.rpartition(":")
        try:
            value = float(weight) if colon else 1.0
        except ValueError:
            return cls(text)
        if not colon:
            return cls(text)
        if not (value >= least and math.isfinite(value)):
            raise SaladError(f"the weight of {path} is {weight}", "Give a positive number after the colon.")
        return cls(path, value)
