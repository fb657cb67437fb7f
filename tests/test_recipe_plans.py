"""The plan that a recipe prints with DRY_RUN=1."""

import json
import os
import subprocess

import pytest

TRAINS = {"stage2_only": "align"}  # what trains in a recipe without Stage I
RECIPES = ("your_own_data", "salad_3b", "salad_7b", "stage2_only", "laptop", "demo", "desk", "desk_claims", "rollout")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_dry_run_prints_the_plan_and_makes_nothing(recipe, repository, loaded_python, tmp_path):
    environment = os.environ | {
        "DRY_RUN": "1",
        "RUN": str(tmp_path / "run"),
        "RUNS": str(tmp_path / "run"),
        "ARM": "rounds",  # of the rollouts; the other arms have fewer lines
        "SALADKIT_LOADED": str(loaded_python.parent),
    }
    done = subprocess.run(
        ["bash", repository / "recipes" / f"{recipe}.sh"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Known to be written" in done.stdout and f"saladkit {TRAINS.get(recipe, 'distill')} -o" in done.stdout
    given = {"your_own_data": "LLM is not set", "salad_3b": "SPEECH is not set", "salad_7b": "SPEECH is not set"}
    given["stage2_only"] = "STAGE1 is not set"
    assert given.get(recipe, "") in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "run").exists()


def test_a_plan_has_totals(repository, loaded_python, tmp_path):
    figures = [{"predicted_hours": 1.5}, {"predicted_hours": 0.5}, {"positions_to_read": 7_200_000, "bytes": 2e9}]
    figures += [{"positions_to_read": 3_600_000, "bytes": 3e9}]
    entries = [{"step": "a step", "verb": "align", "made": "out", "figures": of_line} for of_line in figures]
    (tmp_path / "plan.jsonl").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    line = [loaded_python, repository / "recipes" / "plan.py", "show", tmp_path, "runs/it"]
    done = subprocess.run(line, env=os.environ | {"POSITIONS_PER_SECOND": "1000"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Known to be written: 5.00 GB" in done.stdout
    (told,) = [row for row in done.stdout.splitlines() if row.startswith("Known in all: ")]
    assert told == "Known in all: 2 hours of speech, 1.08e+07 positions to train on, 3 GPU-hours of training"


@pytest.mark.parametrize("target, recipe", [("reproduce-desk", "desk"), ("reproduce-3b", "salad_3b")])
def test_make_remakes_what_is_out_of_date(target, recipe, repository, tmp_path):
    """By `make -n`: nothing while the last file is the newest of all; the recipe once something changes."""
    folder = tmp_path / "checkout"
    (folder / "recipes").mkdir(parents=True)
    (folder / "Makefile").write_text((repository / "Makefile").read_text())
    last = "runs/desk/report.html" if recipe == "desk" else "runs/salad-3b/eval/manifest.json"
    for name in (f"recipes/{recipe}.sh", "recipes/salad.sh", "recipes/steps.sh", "data/speech/a.parquet"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    page = folder / last

    def told(**variables):
        line = [
            "make",
            "-n",
            "--no-print-directory",
            "-o",
            "setup",
            target,
            *(f"{name}={value}" for name, value in variables.items()),
        ]
        return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True).stdout

    assert f"REMAKE=1 bash recipes/{recipe}.sh" in told()
    page.parent.mkdir(parents=True)
    page.touch()
    assert "recipes/" not in told()
    changed = folder / ("recipes/desk.sh" if recipe == "desk" else "data/speech/a.parquet")
    os.utime(changed, (page.stat().st_mtime + 5,) * 2)
    assert f"REMAKE=1 bash recipes/{recipe}.sh" in told()
    assert told(DRY_RUN="1").splitlines()[-1] == f"bash recipes/{recipe}.sh"


def test_lines_are_remade_and_trainings_launched(repository, tmp_path):
    for program in ("saladkit", "accelerate"):
        (tmp_path / program).write_text('#!/bin/sh\necho "$(basename "$0") $*"\n')
        (tmp_path / program).chmod(0o755)
    script = (
        "set -euo pipefail; . recipes/steps.sh; for verb in synth distill align report; do saladkit $verb a -o b; done"
    )

    def told(**variables):
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | variables
        done = subprocess.run(["bash", "-c", script], cwd=repository, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    plain = [f"saladkit {verb} a -o b" for verb in ("synth", "distill", "align", "report")]
    assert told() == plain
    assert told(REMAKE="1") == [*(f"{line} --remake" for line in plain[:3]), plain[3]]
    launched = told(LAUNCH="accelerate launch -m saladkit", REMAKE="1")
    assert (
        launched[1] == "accelerate launch -m saladkit distill a -o b --remake" and launched[0] == f"{plain[0]} --remake"
    )
