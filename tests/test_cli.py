"""The shell: fast help, a help text for every option, and pages and recipes with existing commands and options."""

import json
import re
import subprocess
import sys

import click
import pytest

from saladkit.cli import main

HEAVY = {"torch", "transformers", "faiss", "pyarrow", "torchaudio", "datasets", "matplotlib", "numpy"}
ORDER = ["cache-teacher", "distill", "gap", "select", "synth", "align", "eval"]


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def test_the_group_lists_the_commands_in_the_methods_order():
    done = run("-c", "from saladkit.cli import main; main(['--help'])")
    assert done.returncode == 0
    assert done.stderr == ""
    listed = [line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert [name for name in listed if name in main.commands] == list(main.commands)
    assert list(main.commands)[: len(ORDER)] == ORDER


def test_the_package_runs_as_a_module():
    done = run("-m", "saladkit", "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("saladkit, version ")


@pytest.mark.parametrize("command", [None, *main.commands])
def test_help_loads_no_heavy_package(command):
    arguments = [*([command] if command else []), "--help"]
    code = f"""
import json, sys
from saladkit.cli import main
try:
    main({arguments!r})
except SystemExit as done:
    print(json.dumps([done.code, sorted(sys.modules)]), file=sys.stderr)
"""
    done = run("-c", code)
    exit_code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert exit_code == 0
    assert done.stdout.startswith("Usage: ")
    assert "click" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("command", list(main.commands))
def test_every_command_and_option_has_a_help_text(command):
    assert main.commands[command].help
    assert main.commands[command].get_short_help_str(200).endswith(".")
    for parameter in main.commands[command].params:
        if isinstance(parameter, click.Option):
            assert (parameter.help or "").strip(), f"{command} {parameter.opts}"


def test_an_option_of_two_commands_is_the_same_in_both():
    seen = {}
    for name, command in main.commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                described = json.dumps([option.type.to_info_dict(), option.is_flag, option.nargs, repr(option.default)])
                seen.setdefault(", ".join(option.opts), {}).setdefault(described, []).append(name)
    assert len(seen["--seed"]) == 1
    assert {spelled: list(users.values()) for spelled, users in seen.items() if len(users) > 1} == {}


def test_an_unknown_option_is_exit_code_2(shell):
    result = shell("gap", "--no-such-option")
    assert result.exit_code == 2
    assert result.stdout == ""


def expanded(text):
    """A shell script with its arrays, and the defaults of its variables, put in the place of their names."""
    arrays = re.findall(r"^(\w+)=\((.*)\)", text, re.MULTILINE)
    defaults = re.findall(r"^(\w+)=\$\{\1:-(.*)\}", text, re.MULTILINE)
    for name, value in arrays[::-1]:  # an array may hold one that stands before it
        text = text.replace(f'"${{{name}[@]}}"', value)
    for name, value in defaults:
        text = re.sub(rf"\${name}\b", lambda _, value=value: value, text)
    return text


def commands_of_script(text):
    """[(verb, options), ...] of every `saladkit` line in a shell script; continued lines are joined."""
    text = expanded(re.sub(r"\\\n", " ", text))
    found = []
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line)
        for piece in re.split(r"&&|\|\||[;|]|\$\(", line):
            words = piece.replace('"', " ").replace("'", " ").split()
            if "saladkit" not in words or words[words.index("saladkit") + 1 :][:1] in ([], ["--help"], ["--version"]):
                continue
            after = words[words.index("saladkit") + 1 :]
            found.append((after[0], [word.partition("=")[0] for word in after[1:] if re.match(r"--?[a-z]", word)]))
    return found


def unknown_names(text):
    """Return the commands and options of a script that saladkit does not have."""
    found = []
    for verb, used in commands_of_script(text):
        if verb not in main.commands:
            found.append(verb)
            continue
        known = {"-h", "--help"} | {spelled for option in main.commands[verb].params for spelled in option.opts}
        found += [f"{verb} {option}" for option in used if option not in known]
    return found


def test_a_script_with_a_wrong_name_is_found_out():
    script = """
saladkit synth "$WORLD/natural.parquet" -o "$RUN/speech" \\
    --voice espeak:en-us --voices espeak:en-gb  # --comment
time saladkit align "$RUN/stage1" --max-steps=5 && saladkit glance a.parquet
echo done; saladkit gap x y -o z --teachr t | tee log
saladkit --version
SPANS=(--text-words 1 2 --spech-words 3 4)
GAP=(--teacher "$LM" "${SPANS[@]}")
saladkit gap a b -o c "${GAP[@]}"
SHAPE=${SHAPE:---adapter-layer 1}
saladkit distill a $SHAPE
"""
    verbs = ["synth", "align", "glance", "gap", "gap", "distill"]
    assert [verb for verb, _ in commands_of_script(script)] == verbs
    wrong = ["synth --voices", "glance", "gap --teachr", "gap --spech-words", "distill --adapter-layer"]
    assert unknown_names(script) == wrong


def test_recipes_and_pages_name_commands_and_options_that_exist(repository):
    pages = [*repository.glob("recipes/*.sh"), *repository.glob("*.md"), *repository.glob("docs/*.md")]
    found = {}
    for page in pages:
        text = page.read_text()
        blocks = (
            text
            if page.suffix == ".sh"
            else "\n".join(re.findall(r"```(?:sh|bash|console|)\n(.*?)```", text, re.DOTALL))
        )
        if unknown_names(blocks):
            found[str(page.relative_to(repository))] = unknown_names(blocks)
    assert found == {}


def test_the_generated_pages_are_current(repository):
    done = run(str(repository / "docs" / "generate.py"), "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_choices_are_the_names_that_the_rooms_know():
    """The shell spells them itself: it may load neither pyarrow nor torch."""
    from saladkit.formats import gap_table
    from saladkit.scoring import progress
    from saladkit.scoring.templates import TEMPLATES
    from saladkit.settings.evaluate import BEST, MODALITIES
    from saladkit.settings.select import COVERAGE, PROGRESS, SELECTION_METRICS

    def choices(command, option):
        (found,) = (param for param in main.commands[command].params if option in param.opts)
        return list(found.type.choices)

    assert choices("select", "--metric") == [*SELECTION_METRICS, PROGRESS, COVERAGE]
    assert set(SELECTION_METRICS.values()) <= set(gap_table.METRICS) and PROGRESS == progress.COLUMN
    assert choices("eval", "--modality") == list(MODALITIES)
    assert choices("eval", "--template") == [*TEMPLATES, BEST]


def test_several_modalities_may_be_given_in_one_option(shell, text_lm, world, tmp_path):
    line = ["eval", text_lm, world / "questions.parquet", "--dry-run", "-o", tmp_path / "out", "--teacher", text_lm]
    for modalities in (["--modality", "text,cascade"], ["--modality", "text", "--modality", "cascade"]):
        refused = shell(*line, *modalities)
        assert refused.exit_code == 2 and "a cascade needs a recognizer" in refused.stderr
    assert shell(*line, "--modality", "text,song").exit_code == 2
    from saladkit.sources.benchmarks.named import BENCHMARKS

    assert all(name in main.commands["eval"].help for name in BENCHMARKS)
