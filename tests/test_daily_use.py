"""Completion, --quiet, environment variables, and output without colours."""

import os
import subprocess
import sys

import datasets
import pytest

from saladkit.cli import main
from saladkit.progress import be_quiet, is_quiet

COMPLETE = {"bash": "COMP_WORDS", "zsh": "COMP_WORDS", "fish": "COMP_WORDS"}


def completed(words, at):
    """What click gives to bash for the word `at` of a line."""
    variables = os.environ | {"_SALADKIT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    code = "import sys; sys.argv = ['saladkit']; from saladkit.cli import main; main(prog_name='saladkit')"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables).stdout.split()


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(kind, shell):
    done = shell("completion", kind)
    assert done.exit_code == 0 and f"_SALADKIT_COMPLETE={kind}_complete" in done.stdout


@pytest.mark.parametrize(
    "words, at, expected",
    [
        ("saladkit ga", 1, ["plain,gap"]),
        ("saladkit gap --interl", 2, ["plain,--interleavings"]),
        ("saladkit eval x y --options ", 5, ["plain,text", "plain,spoken"]),
        ("saladkit gap ru", 2, ["file,ru"]),
        ("saladkit gap a b --teacher ru", 5, ["file,ru"]),
    ],
    ids=["command", "option", "choice", "argument", "path"],
)
def test_a_line_is_completed(words, at, expected):
    assert completed(words, at) == expected


def test_quiet_prints_the_summary_alone(shell, speech, tmp_path):
    loud, quiet = (
        shell("cache-speech", speech, "--speech-encoder", "log-mel", "--limit", 2, "-o", tmp_path / name, *more)
        for name, more in (("loud", []), ("quiet", ["--quiet"]))
    )
    assert loud.exit_code == quiet.exit_code == 0
    assert loud.stderr and not quiet.stderr and quiet.stdout.startswith("{")
    failed = shell("cache-speech", tmp_path / "nowhere", "-o", tmp_path / "x", "--quiet")
    assert failed.exit_code == 2 and len(failed.stderr.splitlines()) == 2


def test_quiet_hides_the_bars_of_libraries_too(shell, text_lm, world, tmp_path):
    line = ("cache-teacher", world / "pool.parquet", "--limit", 2, "--model", text_lm)
    loud, quiet, again = (
        shell(*line, "-o", tmp_path / name, *more) for name, more in (("loud", []), ("quiet", ["-q"]), ("again", []))
    )
    assert "Loading weights" in loud.stderr and not quiet.stderr and "Loading weights" in again.stderr
    fresh = [sys.executable, "-m", "saladkit", *map(str, line), "-o", str(tmp_path / "fresh"), "--quiet"]
    done = subprocess.run(fresh, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr and done.stdout.startswith("{")


def test_quiet_leaves_alone_what_the_user_has_set(monkeypatch):
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "0")
    monkeypatch.delenv("HF_DATASETS_DISABLE_PROGRESS_BARS", raising=False)
    be_quiet(True)
    assert is_quiet() and datasets.are_progress_bars_disabled()
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "0" and os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] == "1"
    be_quiet(False)
    assert not is_quiet() and not datasets.are_progress_bars_disabled()
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "0" and "HF_DATASETS_DISABLE_PROGRESS_BARS" not in os.environ


def test_quiet_ends_with_its_command(shell, speech, tmp_path):
    shell("cache-speech", speech, "--speech-encoder", "log-mel", "--limit", 1, "-o", tmp_path / "a", "-q")
    assert not is_quiet()
    assert shell("cache-speech", speech, "--speech-encoder", "log-mel", "--limit", 1, "-o", tmp_path / "b").stderr


def test_a_variable_sets_an_option_and_the_command_line_overrides_it(monkeypatch):
    monkeypatch.setenv("SALADKIT_GAP_INTERLEAVINGS", "7")
    monkeypatch.setenv("SALADKIT_CACHE_TEACHER_TOP_K", "5")
    line = ["stage1", "samples", "--teacher", "lm", "-o", "out"]

    def read(verb, words):
        root = main.make_context("saladkit", [verb], resilient_parsing=True, **main.context_settings)
        return main.commands[verb].make_context(verb, list(words), parent=root).params

    assert read("gap", line)["interleavings"] == 7
    assert read("gap", [*line, "--interleavings", "2"])["interleavings"] == 2
    assert read("cache-teacher", ["a", "--model", "lm", "-o", "out"])["top_k"] == 5


def test_options_of_variables_reach_workers_elsewhere(monkeypatch):
    from saladkit.cli import _as_given

    monkeypatch.setenv("SALADKIT_SYNTH_VOICE", "espeak:en-us")
    monkeypatch.setenv("SALADKIT_SYNTH_SEED", "3")
    root = main.make_context("saladkit", [], resilient_parsing=True, **main.context_settings)
    root.obj = ["synth", "texts", "-o", "out"]
    with main.commands["synth"].make_context("synth", ["texts", "-o", "out"], parent=root) as context:
        assert _as_given(context) == ["synth", "--voice", "espeak:en-us", "--seed", "3", "texts", "-o", "out"]


def test_switches_that_are_off_and_presets_reach_workers_as_they_are(monkeypatch):
    from saladkit.cli import _as_given

    monkeypatch.setenv("SALADKIT_CACHE_TEACHER_OVERWRITE", "0")
    monkeypatch.setenv("SALADKIT_CACHE_TEACHER_PRESET", "3b")
    words = ["texts", "--model", "lm", "-o", "out"]
    root = main.make_context("saladkit", [], resilient_parsing=True, **main.context_settings)
    root.obj = ["cache-teacher", *words]
    with main.commands["cache-teacher"].make_context("cache-teacher", list(words), parent=root) as context:
        assert _as_given(context) == ["cache-teacher", "--preset", "3b", *words]


def test_nothing_is_coloured(shell, monkeypatch):
    for variable in ({"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}):
        for name, value in variable.items():
            monkeypatch.setenv(name, value)
        done = shell("doctor")
        assert "\x1b" not in done.stdout + done.stderr


def test_offline_a_name_on_the_hub_ends_in_two_lines(shell, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = shell("cache-teacher", "nobody/no-such-set", "--model", "nobody/no-such-model", "-o", tmp_path / "out")
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 2
