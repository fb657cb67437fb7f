"""Make the options of the command line from settings."""

import math
from collections.abc import Callable
from dataclasses import MISSING, Field
from functools import wraps
from typing import Any

import click

from saladkit.settings.presets import has_presets, preset_names, preset_of
from saladkit.settings.setting import Settings, Shape, about, option_of, settings_fields, shape_of


class Real(click.types.FloatParamType):
    """A finite number."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """Convert to a number, and fail if it is not finite."""
        number = super().convert(value, parameter, context)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", parameter, context)
        return number


class RealRange(Real, click.FloatRange):
    """A finite number in a range."""


class Several(click.Choice):
    """One of some names, or several separated by commas."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> list[str]:
        """Split the value at commas, and check each name."""
        parts = value if isinstance(value, list) else str(value).split(",")
        return [super(Several, self).convert(part, parameter, context) for part in parts]


def _flat(context: click.Context, parameter: click.Parameter, values: tuple[list[str], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for value in values for name in value))


def _type_of(kind: type, of: Field) -> click.ParamType:
    known = about(of)
    low, high = known.range.low, known.range.high
    unbounded = low is None and high is None
    if known.choices:
        return (Several if known.commas else click.Choice)(list(known.choices))
    if kind is int:
        return click.INT if unbounded else click.IntRange(_whole(low), _whole(high))
    if kind is float:
        return Real() if unbounded else RealRange(low, high, known.range.low_open, known.range.high_open)
    return click.STRING


def _whole(end: float | None) -> int | None:
    return None if end is None else int(end)


def _option(owner: type[Settings], of: Field, verb: str) -> Callable:
    known, shape = about(of), shape_of(owner, of)
    names = [of.name, option_of(of)]
    # The variable has the option's name, not that of the field, by which click would call it.
    variable = f"SALADKIT_{verb}{option_of(of).removeprefix('-')}".upper().replace("-", "_")
    if shape == Shape((bool,)):
        return click.option(*names, is_flag=True, envvar=variable, help=known.help)
    types = [_type_of(kind, of) for kind in shape.parts]
    required = of.default is MISSING
    settings: dict[str, Any] = {"type": types[0] if len(types) == 1 else tuple(types), "metavar": known.metavar}
    if not required and of.default not in (None, ()):
        settings |= {"default": of.default, "show_default": True}
    if known.commas:
        settings["callback"] = _flat
    settings |= {"multiple": shape.many, "required": required, "envvar": variable}
    return click.option(*names, **settings, help=known.help)


def _use_preset(verb: str) -> Callable:
    def use(context: click.Context, parameter: click.Parameter, name: str | None) -> None:
        if name is not None:
            context.default_map = preset_of(name, verb)

    return use


def options_of(settings: type[Settings], verb: str) -> Callable[[Callable], Callable]:
    """Return a decorator that gives a command the options of a settings class, and passes an instance as `settings`.

    A command that occurs in a preset also gets the option `--preset`, whose values replace defaults.
    """
    fields = settings_fields(settings)

    def decorate(command: Callable) -> Callable:
        @wraps(command)
        def with_settings(**given: Any) -> Any:
            values = {of.name: given.pop(of.name) for of in fields}
            return command(**given, settings=settings(**values))

        made: Callable = with_settings
        for of in reversed(fields):
            made = _option(settings, of, verb)(made)
        if has_presets(verb):
            made = click.option(
                "--preset",
                type=click.Choice(preset_names()),
                is_eager=True,
                expose_value=False,
                callback=_use_preset(verb),
                help="Use the settings of a published (3b, 7b) or tested (desk) scale as defaults; other options"
                " override them.",
            )(made)
        return made

    return decorate
