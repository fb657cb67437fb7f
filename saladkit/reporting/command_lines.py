"""The command line of an artefact, written again from its manifest: inputs, and settings other than the defaults."""

from dataclasses import MISSING, Field
from shlex import quote
from typing import Any

from saladkit.formats.regions import LM_PREFIX
from saladkit.formats.results import ORIGINAL
from saladkit.settings.align import AlignSettings
from saladkit.settings.average import AverageSettings
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.settings.distill import DistillSettings
from saladkit.settings.evaluate import EvalSettings
from saladkit.settings.export_times import ExportTimesSettings
from saladkit.settings.fit_scaling import FitScalingSettings
from saladkit.settings.gap import GapSettings
from saladkit.settings.import_times import ImportTimesSettings
from saladkit.settings.regions import RegionsSettings
from saladkit.settings.rollout import RolloutSettings
from saladkit.settings.select import SelectSettings
from saladkit.settings.setting import Settings, option_of, settings_fields
from saladkit.settings.synth import SynthSettings
from saladkit.settings.timestamps import TimestampsSettings

# Command -> its settings, and the roles of the inputs that are arguments, in order; the others are options.
COMMANDS: dict[str, tuple[type[Settings], tuple[str, ...]]] = {
    "cache-teacher": (CacheTeacherSettings, ("samples",)),
    "distill": (DistillSettings, ("model",)),
    "gap": (GapSettings, ("checkpoint", "samples")),
    "select": (SelectSettings, ("pool",)),
    "synth": (SynthSettings, ("samples",)),
    "align": (AlignSettings, ("checkpoint",)),
    "eval": (EvalSettings, ("model", "task")),
    "rollout": (RolloutSettings, ("checkpoint", "samples")),
    "timestamps": (TimestampsSettings, ("samples",)),
    "import-times": (ImportTimesSettings, ("samples",)),
    "export-times": (ExportTimesSettings, ("times",)),
    "cache-speech": (CacheSpeechSettings, ("samples",)),
    "regions": (RegionsSettings, ("pool",)),
    "average": (AverageSettings, ("checkpoint",)),
    "fit-scaling": (FitScalingSettings, ("log",)),
}
ENCODER = "speech encoder"  # the role of the model that encodes speech
ROLES = {"rate": "rate_from"}  # of inputs whose option has another name


def command_line(manifest: dict, output: str) -> list[str]:
    """Return the words of an artefact's command line, quoted for a shell; none for one of another program.

    What a manifest does not record is left out: settings that do not change the content, such as --device.
    """
    verb = manifest["verb"]
    if verb not in COMMANDS:
        return []
    kind, positional = COMMANDS[verb]
    inputs = _by_role(manifest)
    known = {of.name: of for of in settings_fields(kind)}
    words = ["saladkit", verb, *(path for role in positional for path in inputs.pop(role, [])), "-o", output]
    for role, paths in inputs.items():
        of = known.pop(ROLES.get(role, role), None)
        words += [word for path in paths for word in (option_of(of), path)] if of else []
    for name, of in known.items():
        if name in manifest["settings"]:
            words += _option(of, manifest["settings"][name])
    return list(map(quote, words))


def _by_role(manifest: dict) -> dict[str, list[str]]:
    """Return the paths of the inputs by role, in order; the models of `eval` by what they are to it."""
    found: dict[str, list[str]] = {}
    inputs, settings = manifest["inputs"], manifest["settings"]
    for name in sorted(inputs, key=lambda name: (len(name), name)):  # `data 10` after `data 9`
        role, _, number = ("encoder", "", "") if name == ENCODER else name.partition(" ")
        if role == "model" and number:
            role = _role_of_model(number, settings.get("models") or [])
        found.setdefault(role, []).append(_as_typed(inputs[name]["path"], role, number, settings))
    return found


def _role_of_model(model: str, models: list[str]) -> str:
    """Return what a model is to `eval`, given the names of its models, the argument first."""
    if model in models[:1]:
        return "model"
    return "teacher" if model == ORIGINAL else "compare"


def _as_typed(path: str, role: str, number: str, settings: dict) -> str:
    """Return `PATH:WEIGHT` of training data with a weight other than 1, and `lm:PATH` of a text LLM that embeds."""
    if role == "embedder" and settings.get("embedder") == "lm":
        return f"{LM_PREFIX}{path}"
    weights = settings.get("weights")
    of_role = weights.get(role, []) if isinstance(weights, dict) else []
    if number.isdigit() and int(number) < len(of_role) and of_role[int(number)] != 1:
        return f"{path}:{_number(of_role[int(number)])}"
    return path


def _number(value: float) -> str:
    """Return a number with all its digits, so that the line typed again has the same settings."""
    return repr(float(value)).removesuffix(".0")


def _option(of: Field, value: Any) -> list[str]:
    """Return the words of one option; none where the value is the default, or not one that can be typed."""
    default = None if of.default is MISSING else of.default
    if value is None or value == (list(default) if isinstance(default, tuple) else default):
        return []
    if isinstance(value, bool):
        return [option_of(of)] if value else []
    if isinstance(value, dict):
        return []
    if not isinstance(value, list):
        return [option_of(of), _number(value) if isinstance(value, float) else str(value)]
    many = "..." in str(of.type)
    if not many:
        return [option_of(of), *map(str, value)]
    return [word for one in value for word in (option_of(of), *map(str, one if isinstance(one, list) else [one]))]
