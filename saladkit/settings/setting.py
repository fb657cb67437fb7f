"""Declare settings: name, type, default, range and help of each, in one place.

The settings of a command are a frozen dataclass of fields made by `setting`. The options of the command line,
`docs/cli.md`, the checks of values and the record in a manifest are derived from these fields.
"""

import inspect
import math
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from saladkit.errors import SaladError


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included unless open; None for no limit."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: float) -> bool:
        """Return whether `value` is a finite number in the range."""
        above = self.low is None or (value > self.low if self.low_open else value >= self.low)
        below = self.high is None or (value < self.high if self.high_open else value <= self.high)
        return math.isfinite(value) and above and below

    def __str__(self) -> str:
        low = None if self.low is None else f"{'above' if self.low_open else 'at least'} {self.low:g}"
        high = None if self.high is None else f"{'below' if self.high_open else 'at most'} {self.high:g}"
        return " and ".join(end for end in (low, high) if end) or "a finite number"


@dataclass(frozen=True)
class About:
    """What a field declares beside its name, type and default.

    Attributes:
        help: text of `--help`.
        option: name of the option; None for the field's name with dashes.
        range: allowed range of each number.
        choices: allowed values; empty for any.
        metavar: placeholder of the value in `--help`.
        commas: whether the values of a repeated option may also be given at once, separated by commas.
        recorded: whether the value changes the artefact's content, so that the manifest records it.
        applies: given all settings, returns whether this one has an effect; if not, it is not recorded.
    """

    help: str
    option: str | None = None
    range: Range = Range()
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    commas: bool = False
    recorded: bool = True
    applies: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class Shape:
    """A field's type in parts.

    Attributes:
        parts: types of one value: one for `int` and `tuple[str, ...]`, two for `tuple[int, int]` and
            `tuple[tuple[str, str], ...]`.
        many: whether any number of values is allowed, as in `tuple[str, ...]`.
        optional: whether the value may be None, as in `str | None`.
    """

    parts: tuple[type, ...]
    many: bool = False
    optional: bool = False


def setting(
    default: Any = MISSING,
    *,
    help: str,
    option: str | None = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    metavar: str | None = None,
    commas: bool = False,
    recorded: bool = True,
    applies: Callable[[Any], bool] | None = None,
) -> Any:
    """Declare a field of a settings dataclass; a field without a default is required.

    Args:
        low, high: smallest and largest allowed number.
        above, below: like `low` and `high`, but these numbers themselves are not allowed.

    The other arguments are attributes of `About`.
    """
    lowest, highest = (above if low is None else low), (below if high is None else high)
    span = Range(lowest, highest, low_open=above is not None, high_open=below is not None)
    about = About(help, option, span, choices, metavar, commas, recorded, applies)
    return field(default=default, metadata={"about": about})


def about(of: Field) -> About:
    """Return what a field declares."""
    return of.metadata["about"]


def option_of(of: Field) -> str:
    """Return the name of a field's option, such as `--max-length`."""
    return about(of).option or f"--{of.name.replace('_', '-')}"


def shape_of(owner: type, of: Field) -> Shape:
    """Return the type of a field of the class `owner`, in parts."""
    kind, optional = typing.get_type_hints(owner)[of.name], False
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind, optional = next(a for a in typing.get_args(kind) if a is not type(None)), True
    if typing.get_origin(kind) is not tuple:
        return Shape((kind,), optional=optional)
    inner = typing.get_args(kind)
    if inner[-1] is not Ellipsis:
        return Shape(inner, optional=optional)
    parts = typing.get_args(inner[0]) if typing.get_origin(inner[0]) is tuple else (inner[0],)
    return Shape(parts, many=True, optional=optional)


def settings_fields(owner: type) -> list[Field]:
    """Return the fields in the order of `--help`: those of a class before those of its base classes."""
    depth: dict[str, int] = {}
    for base in owner.__mro__:
        for name in inspect.get_annotations(base):
            depth.setdefault(name, len(depth))
    return sorted(fields(owner), key=lambda of: depth[of.name])


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base class of settings, whose values are checked when an instance is made.

    Raises:
        SaladError: a value is not allowed, or settings contradict each other.
    """

    def __post_init__(self) -> None:
        for of in fields(self):
            self._check_value(of)
        self.check()

    def check(self) -> None:
        """Raise a SaladError if settings contradict each other."""

    def _check_value(self, of: Field) -> None:
        value, known = getattr(self, of.name), about(of)
        shape = shape_of(type(self), of)
        if value is None and shape.optional:
            return
        values = value if shape.many or len(shape.parts) > 1 else (value,)
        for one in values:
            if known.choices and one not in known.choices:
                raise SaladError(f"{option_of(of)} is {one!r}", f"Give one of {', '.join(known.choices)}.")
            if isinstance(one, int | float) and not isinstance(one, bool) and not known.range.holds(one):
                raise SaladError(f"{option_of(of)} is {one}", f"Give a number that is {known.range}.")

    def recorded(self) -> dict:
        """Return the settings that change the artefact's content, as the manifest records them in JSON."""
        return {
            of.name: list(value) if isinstance(value := getattr(self, of.name), tuple) else value
            for of in settings_fields(type(self))
            if about(of).recorded and ((applies := about(of).applies) is None or applies(self))
        }
