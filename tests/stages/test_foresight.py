"""`distill --dry-run --measured`: what a training will take, from one that was measured."""

import json
import shutil

import pytest
from command_lines import replaced

PHASES = {"lexical", "distilling"}


@pytest.fixture(scope="module")
def measured(distill_arguments, shell, tmp_path_factory):
    """A training of three lexical steps and five others, and its command line."""
    line = [*replaced(distill_arguments, "--max-steps", 8), "--lexical-steps", 3]
    output = tmp_path_factory.mktemp("measured") / "run"
    assert shell(*line, "-o", output).exit_code == 0
    return line, output


@pytest.fixture
def plan(measured, shell, tmp_path):
    def of(*options, expected=0):
        done = shell(*measured[0], "-o", tmp_path / "never", "--dry-run", *options)
        assert done.exit_code == expected, done.output
        assert not (tmp_path / "never").exists()
        return json.loads(done.stdout) if not expected else done.stderr

    return of


def test_a_training_says_how_fast_it_was(measured):
    summary = json.loads((measured[1] / "summary.json").read_text())
    assert summary["positions_per_second"].keys() == PHASES
    assert all(rate > 0 for rate in summary["positions_per_second"].values())


def test_the_same_training_takes_as_long_again(measured, plan):
    summary = json.loads((measured[1] / "summary.json").read_text())
    found = plan("--measured", measured[1])
    assert 0 < found["training_hours"] * 3600 < summary["seconds"] + 0.5
    assert found["processes"] == 1
    assert found["of_each_process"] == {"peak_memory_bytes": summary["peak_memory_bytes"]}


def test_hours_are_positions_by_the_speed_of_their_steps(measured, plan, tmp_path):
    """Twice as many processes read twice as many rows in a step, each as fast as before."""
    summary = json.loads((measured[1] / "summary.json").read_text())
    speeds = {"lexical": 5.0, "distilling": 1.25}  # positions per second, so slow that hours are rounded little
    shutil.copytree(measured[1], tmp_path / "slow")
    for processes, share in ((1, 1), (2, 2)):
        of_run = summary | {"positions_per_second": speeds, "processes": processes}
        (tmp_path / "slow" / "summary.json").write_text(json.dumps(of_run))
        one, four = (plan("--measured", tmp_path / "slow", "--for-processes", count) for count in (1, 4))
        assert four["positions_to_read"] == pytest.approx(4 * one["positions_to_read"], rel=0.2)
        for found, count in ((one, 1), (four, 4)):
            fastest, slowest = (found["positions_to_read"] * share / rate / count / 3600 for rate in speeds.values())
            assert fastest < found["training_hours"] < slowest
            rate = found["positions_to_read"] / found["training_hours"] / 3600
            assert found["predicted_positions_per_second"] == pytest.approx(rate, rel=0.1)
        assert four["training_hours"] == pytest.approx(one["training_hours"], rel=0.2)


def test_what_was_not_measured_is_not_predicted(plan):
    assert not {"training_hours", "of_each_process"} & plan("--for-processes", 8).keys()


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        (None, "has no summary.json"),
        ({"command": "synth", "processes": 1}, "does not say how fast"),
        ({"command": "distill", "processes": 1}, "does not say how fast"),
        ({"command": "distill", "processes": 0, "positions_per_second": {}}, "does not say how fast"),
        ({"command": "distill", "processes": 1, "positions_per_second": {"lexical": "fast"}}, "does not say how fast"),
        ({"command": "align", "processes": 1, "positions_per_second": {"distilling": 5.0}}, "has no lexical steps"),
    ],
    ids=["no run", "another command", "an older run", "no process", "no number", "no lexical steps"],
)
def test_a_run_that_tells_no_speed_is_refused(summary, problem, plan, tmp_path):
    (tmp_path / "run").mkdir()
    if summary:
        (tmp_path / "run" / "summary.json").write_text(json.dumps(summary))
    said = plan("--measured", tmp_path / "run", expected=2)
    assert problem in said and len(said.strip().splitlines()) == 2


@pytest.mark.parametrize("option", [("--measured", "run"), ("--for-processes", 2)], ids=lambda option: option[0])
def test_predictions_need_a_dry_run(option, measured, shell, tmp_path):
    done = shell(*measured[0], "-o", tmp_path / "never", *option)
    assert done.exit_code == 2 and f"{option[0]} without --dry-run" in done.stderr
