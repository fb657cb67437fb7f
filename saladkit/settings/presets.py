"""Presets: files of settings by verb, `presets/NAME.toml`, whose values take the place of defaults."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

SUFFIX = ".toml"


@cache
def _all() -> dict[str, dict[str, dict[str, Any]]]:
    """{preset: {verb: {field: value}}}."""
    folder = files("saladkit.settings") / "presets"
    found = sorted((path for path in folder.iterdir() if path.name.endswith(SUFFIX)), key=lambda path: path.name)
    return {path.name.removesuffix(SUFFIX): tomllib.loads(path.read_text()) for path in found}


def preset_names(verb: str) -> list[str]:
    """The presets that say something of a verb."""
    return [name for name, verbs in _all().items() if verb in verbs]


def preset_of(name: str, verb: str) -> dict[str, Any]:
    """A preset's values for a verb, by the names of its settings."""
    return dict(_all()[name][verb])
