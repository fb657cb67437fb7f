"""The example in the help of each command runs, on a small world in the folder that it is typed in."""

import json
import shlex

import pytest
import soundfile

from saladkit.cli import main
from saladkit.settings.examples import EXAMPLES
from saladkit.sources.samples import read_samples

# What makes an example quick; the last of an option's values counts.
CHEAP = {
    "cache-teacher": "--limit 12",
    "distill": "--max-steps 2 --adapter-layers 1 --adapter-width 16 --adapter-mlp-width 32 --adapter-heads 2"
    " --adapter-kv-heads 1 --encoder-width 16 --mel-bins 16 --limit 12",
    "align": "--max-steps 1 --limit 4",
    "eval": "--limit 2",
    "gap": "--limit 4",
    "rollout": "--limit 2",
    "timestamps": "--limit 2",
    "import-times": "--limit 2",
    "cache-speech": "--limit 2",
}
ON_CPU = {"cache-teacher", "distill", "regions", "gap", "select", "align", "eval", "rollout", "cache-speech", "ask"}


@pytest.fixture(scope="module")
def typed(world, text_lm, speech, spoken_questions, tmp_path_factory):
    """The folder in which the examples are typed, one after another; by command what was printed."""
    folder = tmp_path_factory.mktemp("typed")
    for name, place in {"text-lm": text_lm, "natural": speech, "questions": spoken_questions}.items():
        (folder / name).symlink_to(place)
    (folder / "pool.parquet").symlink_to(world / "pool.parquet")
    audio = read_samples(str(spoken_questions), needed=["audio"], limit=1).to_pylist()[0]["audio"]["bytes"]
    (folder / "question.wav").write_bytes(audio)
    assert soundfile.info(folder / "question.wav").duration > 0.1
    law = [{"name": f"at-{d}", "positions": d, "misalignment": 0.1 + 30 * d**-0.5} for d in (1e3, 1e4, 1e5, 1e6)]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in law))
    return folder


def test_every_command_has_an_example_and_the_help_shows_it(shell):
    assert sorted(EXAMPLES) == sorted(main.commands)
    for name, example in EXAMPLES.items():
        assert shlex.split(example)[:2] == ["saladkit", name]
        assert example in shell(name, "--help").stdout


def test_the_examples_run_one_after_another(typed, shell, monkeypatch):
    monkeypatch.chdir(typed)
    failed = {}
    for name, example in EXAMPLES.items():
        words = shlex.split(example)[1:] + shlex.split(CHEAP.get(name, ""))
        done = shell(*words, *(["--device", "cpu"] if name in ON_CPU else []), "--quiet")
        if done.exit_code != 0 or not done.stdout:
            failed[example] = done.stderr[-300:]
    assert failed == {}
    assert {path.name for path in typed.iterdir()} >= {"teacher", "stage1", "stage2", "mean", "report.html", "grids"}
