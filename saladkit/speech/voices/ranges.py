"""Ranges in a voice's name, such as "0.9..1.1", from which every row draws a value."""

import random
from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass
from typing import Self

from saladkit.errors import SaladError


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; a single number if they are equal."""

    low: float
    high: float

    @classmethod
    def parse(cls, text: str, *, within: tuple[float, float], what: str) -> "Range":
        """Parse `NUMBER` or `LOW..HIGH`; `what` names the value in errors.

        Raises:
            SaladError: `text` has another form, LOW is above HIGH, or a number is not `within` its bounds.
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
        """Whether the range is a single number."""
        return self.low == self.high

    def draw(self, draws: random.Random) -> "Range":
        """Draw a number, rounded to thousandths so that a voice's name states it exactly."""
        return self if self.is_one else Range(*[round(draws.uniform(self.low, self.high), 3)] * 2)

    def draw_whole(self, draws: random.Random) -> "Range":
        """Draw a whole number."""
        return Range(*[draws.randint(round(self.low), round(self.high))] * 2)

    def __str__(self) -> str:
        return f"{self.low:g}" if self.is_one else f"{self.low:g}..{self.high:g}"


class DrawsSpeed(ABC):
    """A voice whose name may have one range, that of its speed."""

    _speed: Range | None

    @abstractmethod
    def _name(self) -> None:
        """Set the name from the speed and the other parts of the description."""

    def narrowed(self, draws: random.Random) -> Self:
        """Return this voice with one speed, drawn from the range in its name; the model or client is shared."""
        voice = copy(self)
        voice._speed = self._speed and self._speed.draw(draws)
        voice._name()
        return voice
