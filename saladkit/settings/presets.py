"""Presets: files `presets/NAME.toml` with settings of several commands, which replace the defaults."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

SUFFIX = ".toml"


@cache
def _all() -> dict[str, dict[str, dict[str, Any]]]:
    """Load all presets: {preset: {verb: {field: value}}}."""
    folder = files("saladkit.settings") / "presets"
    found = sorted((path for path in folder.iterdir() if path.name.endswith(SUFFIX)), key=lambda path: path.name)
    return {path.name.removesuffix(SUFFIX): tomllib.loads(path.read_text()) for path in found}


def preset_names() -> list[str]:
    """Return the names of all presets."""
    return list(_all())


def has_presets(verb: str) -> bool:
    """Return whether any preset has settings of this command."""
    return any(verb in verbs for verbs in _all().values())


def preset_of(name: str, verb: str) -> dict[str, Any]:
    """Return a preset's settings of a command by field name; empty if it has none."""
    return dict(_all()[name].get(verb, {}))
