"""How a setting is declared, once: its name, type, default, range and help.

A verb's settings are a frozen dataclass of fields made by `setting`. The options of the command line, `docs/cli.md`,
the checks of what is given, and what a manifest records are all made from them.
"""

import inspect
import math
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Self

from saladkit.errors import SaladError


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; each end belongs to it unless it is open."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: float) -> bool:
        """Whether `value` is a finite number in the range."""
        above = self.low is None or (value > self.low if self.low_open else value >= self.low)
        below = self.high is None or (value < self.high if self.high_open else value <= self.high)
        return math.isfinite(value) and above and below

    def __str__(self) -> str:
        low = None if self.low is None else f"{'above' if self.low_open else 'at least'} {self.low:g}"
        high = None if self.high is None else f"{'below' if self.high_open else 'at most'} {self.high:g}"
        return " and ".join(end for end in (low, high) if end) or "a finite number"


@dataclass(frozen=True)
class About:
    """What a field says of itself beside its name, type and default.

    Attributes:
        help: the text of `--help`.
        option: the option's spelling; None for the field's name with dashes.
        range: of each number in the value.
        choices: the allowed values; empty where any will do.
        metavar: what `--help` calls the value.
        commas: a repeated option may also be given once, with commas between its values.
        recorded: whether the value changes what is made, so that the manifest records it.
        applies: whether it does under these settings; only then is it recorded.
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
    """A field's type, taken apart: `str | None`, `int`, `tuple[str, ...]` (many) or `tuple[int, int]` (two parts)."""

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
    """Declare a field of a settings dataclass; without a default it is required.

    Args:
        low, high: the range of numbers, ends included; `above` and `below` exclude the end.
    """
    lowest, highest = (above if low is None else low), (below if high is None else high)
    span = Range(lowest, highest, low_open=above is not None, high_open=below is not None)
    about = About(help, option, span, choices, metavar, commas, recorded, applies)
    return field(default=default, metadata={"about": about})


def about(of: Field) -> About:
    """What a field says of itself."""
    return of.metadata["about"]


def option_of(of: Field) -> str:
    """How the command line spells a field."""
    return about(of).option or f"--{of.name.replace('_', '-')}"


def shape_of(owner: type, of: Field) -> Shape:
    """A field's type, taken apart."""
    kind, optional = typing.get_type_hints(owner)[of.name], False
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind, optional = next(a for a in typing.get_args(kind) if a is not type(None)), True
    if typing.get_origin(kind) is not tuple:
        return Shape((kind,), optional=optional)
    inner = typing.get_args(kind)
    many = inner[-1] is Ellipsis
    return Shape(inner[:-1] if many else inner, many=many, optional=optional)


def settings_fields(owner: type) -> list[Field]:
    """The fields in the order of `--help`: a class's own before those of the classes that it stands on."""
    depth: dict[str, int] = {}
    for base in owner.__mro__:
        for name in inspect.get_annotations(base):
            depth.setdefault(name, len(depth))
    return sorted(fields(owner), key=lambda of: depth[of.name])


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one verb: checked when they are made."""

    def __post_init__(self) -> None:
        for of in fields(self):
            self._check_value(of)
        self.check()

    def check(self) -> None:
        """Raise a SaladError where settings contradict each other."""

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
        """What a manifest records: every setting that changes what is made, as JSON has it."""
        return {
            of.name: list(value) if isinstance(value := getattr(self, of.name), tuple) else value
            for of in settings_fields(type(self))
            if about(of).recorded and ((applies := about(of).applies) is None or applies(self))
        }

    @classmethod
    def taken_from(cls, values: dict[str, Any]) -> Self:
        """Settings of this class out of a larger dict, whose entries are taken out of it."""
        return cls(**{of.name: values.pop(of.name) for of in fields(cls)})
