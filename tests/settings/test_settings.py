"""Settings: one definition gives the checks, the options of the command line and what a manifest records."""

import importlib
import pkgutil
from dataclasses import dataclass, fields

import click
import pytest
from click.testing import CliRunner

import saladkit.settings
from saladkit.cli import main
from saladkit.errors import SaladError
from saladkit.settings.distill import DistillSettings
from saladkit.settings.options import options_of
from saladkit.settings.presets import preset_names, preset_of
from saladkit.settings.setting import Settings, about, option_of, setting, settings_fields


@dataclass(frozen=True, kw_only=True)
class Shared(Settings):
    """What two verbs have in common."""

    seed: int = setting(0, low=0, help="Seed.")


@dataclass(frozen=True, kw_only=True)
class Example(Shared):
    """A field of every kind."""

    model: str = setting(help="Model.")
    share: float = setting(0.5, above=0, below=1, help="Share.")
    words: tuple[int, int] = setting((1, 2), low=1, help="Range.")
    names: tuple[str, ...] = setting((), option="--name", choices=("a", "b"), commas=True, help="Names.")
    limit: int | None = setting(None, low=1, recorded=False, help="Limit.")
    flag: bool = setting(False, help="Flag.")
    exponent: float = setting(2.0, applies=lambda own: own.flag, help="Exponent.")


def settings_of(*arguments):
    taken = []

    @click.command()
    @options_of(Example, "example")
    def command(settings):
        taken.append(settings)

    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    return (taken[0] if taken else None), result


def test_options_become_settings():
    found, result = settings_of("--model", "m", "--words", 3, 4, "--name", "a,b", "--flag", "--share", 0.25)
    assert result.exit_code == 0, result.stderr
    assert found == Example(model="m", words=(3, 4), names=("a", "b"), flag=True, share=0.25)


def test_defaults_of_options_are_those_of_settings():
    found, _ = settings_of("--model", "m")
    assert found == Example(model="m")


@pytest.mark.parametrize("line", [["--share", 1], ["--share", "nan"], ["--words", 0, 4], ["--name", "c"], []])
def test_the_command_line_refuses_what_is_out_of_range(line):
    found, result = settings_of(*(["--model", "m"] if line else []), *line)
    assert found is None and result.exit_code == 2


@pytest.mark.parametrize(
    "values, option",
    [
        ({"share": 1.0}, "--share"),
        ({"share": float("nan")}, "--share"),
        ({"words": (0, 4)}, "--words"),
        ({"names": ("c",)}, "--name"),
        ({"limit": 0}, "--limit"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_settings_refuse_the_same_in_python(values, option):
    with pytest.raises(SaladError) as raised:
        Example(model="m", **values)
    assert option in raised.value.problem


def test_a_class_s_own_settings_come_first_in_help():
    assert [of.name for of in settings_fields(Example)][-1] == "seed"


def test_a_manifest_records_what_counts():
    assert Example(model="m").recorded() == {
        **{"model": "m", "share": 0.5, "words": [1, 2], "names": [], "flag": False, "seed": 0}
    }
    assert Example(model="m", flag=True).recorded()["exponent"] == 2.0


def classes():
    found = set()
    for info in pkgutil.iter_modules(saladkit.settings.__path__):
        module = importlib.import_module(f"saladkit.settings.{info.name}")
        found |= {kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Settings)}
    return sorted(found, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", classes())
def test_every_setting_has_a_help_text_and_is_declared_once(kind):
    for of in fields(kind):
        assert about(of).help.endswith((".", "]")), of.name
        owners = [base for base in kind.__mro__ if of.name in vars(base).get("__annotations__", {})]
        assert len(owners) == 1, f"{of.name} is declared in {owners}"


@pytest.mark.parametrize("name", preset_names())
def test_presets_name_settings_that_exist_and_can_be_made(name):
    for verb, command in main.commands.items():
        values = preset_of(name, verb)
        assert values.keys() <= {parameter.name for parameter in command.params}, verb
    settings = DistillSettings(**{"data": ("speech",), "max_steps": 1} | _as_tuples(preset_of(name, "distill")))
    assert settings.recorded()["adapter_learning_rate"] == preset_of(name, "distill")["adapter_learning_rate"]


def _as_tuples(values):
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def test_options_on_the_command_line_override_a_preset(monkeypatch):
    found = []

    @click.command()
    @options_of(DistillSettings, "distill")
    def command(settings):
        found.append(settings)

    line = ["--data", "speech", "--preset", "3b", "--learning-rate", "0.5"]
    result = CliRunner().invoke(command, line)
    assert result.exit_code == 0, result.stderr
    assert (found[0].learning_rate, found[0].gradient_accumulation_steps) == (0.5, 64)
    assert found[0].text_words == (10, 30) and option_of(fields(DistillSettings)[0]).startswith("--")
