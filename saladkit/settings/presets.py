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


def preset_names() -> list[str]:
    """The names of all presets."""
    return list(_all())


def has_presets(verb: str) -> bool:
    """Whether a preset says something of a verb."""
    return any(verb in verbs for verbs in _all().values())


def preset_of(name: str, verb: str) -> dict[str, Any]:
    """A preset's values for a verb, by the names of its settings; empty where it says nothing of the verb."""
    return dict(_all()[name].get(verb, {}))
