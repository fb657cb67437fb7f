"""A number in a voice's name that is drawn anew for every row: "0.9..1.1"."""

import random
from dataclasses import dataclass

from saladkit.errors import SaladError


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both included; one number where they are equal."""

    low: float
    high: float

    @classmethod
    def parse(cls, text: str, *, within: tuple[float, float], what: str) -> "Range":
        """`NUMBER` or `LOW..HIGH`.

        Raises:
            SaladError: no numbers, LOW above HIGH, or one of them not `within` its bounds; `what` names it.
        """
        try:
            low, high = (float(end) for end in (text.split("..") if ".." in text else (text, text)))
        except ValueError:
            low, high = 1.0, 0.0
        if not within[0] <= low <= high <= within[1]:
            raise SaladError(
                f"{what} {text!r} is no number or range from {within[0]:g} to {within[1]:g}",
                f"Write {what} as NUMBER or LOW..HIGH, such as {within[0]:g}..{within[1]:g}.",
            )
        return cls(low, high)

    @property
    def is_one(self) -> bool:
        """Whether there is nothing to draw."""
        return self.low == self.high

    def draw(self, draws: random.Random) -> "Range":
        """One number of the range, in thousandths, so that a voice's name tells it whole."""
        return self if self.is_one else Range(*[round(draws.uniform(self.low, self.high), 3)] * 2)

    def draw_whole(self, draws: random.Random) -> "Range":
        """One whole number of the range."""
        return Range(*[draws.randint(round(self.low), round(self.high))] * 2)

    def __str__(self) -> str:
        return f"{self.low:g}" if self.is_one else f"{self.low:g}..{self.high:g}"
