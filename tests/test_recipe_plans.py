"""The plan that a recipe prints with DRY_RUN=1."""

import os
import subprocess

import pytest


@pytest.mark.parametrize("recipe", ["your_own_data", "salad_3b", "salad_7b", "laptop", "demo", "desk", "rollout"])
def test_a_dry_run_prints_the_plan_and_makes_nothing(recipe, repository, loaded_python, tmp_path):
    environment = os.environ | {
        "DRY_RUN": "1",
        "RUN": str(tmp_path / "run"),
        "ARM": "rounds",  # of the rollouts; the other arms have fewer lines
        "SALADKIT_LOADED": str(loaded_python.parent),
    }
    done = subprocess.run(
        ["bash", repository / "recipes" / f"{recipe}.sh"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Known to be written" in done.stdout and "saladkit distill -o" in done.stdout
    given = {"your_own_data": "LLM is not set", "salad_3b": "SPEECH is not set", "salad_7b": "SPEECH is not set"}
    assert given.get(recipe, "") in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "run").exists()
