"""The figures of a report as JSON and as a table: accuracies, contrasts, the gap, costs."""

import json

import pytest
from click.testing import CliRunner
from written_run import (
    SETTINGS,
)

from saladkit.cli import main
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report


def test_summary_file_is_what_is_returned(finished):
    run, summary = finished
    stored = json.loads((run / "summary.json").read_text())
    assert {"command": "report", "output": str(run / "report.html"), **stored} == summary


@pytest.mark.parametrize(
    ("name", "group", "accuracy", "items"),
    [
        ("stage1", "speech_accuracy", 4 / 8, 8),
        ("stage1", "heard_subjects", 3 / 4, 4),
        ("stage1", "unheard_subjects", 1 / 4, 4),
        ("stage1", "held_out_voice", 2 / 8, 8),
        ("stage1", "text_accuracy", 7 / 8, 8),
        ("stage2_uniform", "speech_accuracy", 5 / 8, 8),
        ("stage2_uniform", "unheard_subjects", 2 / 4, 4),
        ("stage2_active", "speech_accuracy", 7 / 8, 8),
        ("stage2_active", "heard_subjects", 4 / 4, 4),
        ("stage2_active", "held_out_voice", 5 / 8, 8),
    ],
)
def test_accuracies(finished, name, group, accuracy, items):
    found = finished[1][name][group]
    assert (found["accuracy"], found["items"]) == (pytest.approx(accuracy), items)
    assert 0 <= found["low"] <= found["accuracy"] <= found["high"] <= 1


def test_text_accuracy_of_the_text_model(finished):
    found = finished[1]["text_accuracy"]
    assert found == {"accuracy": 1.0, "low": 0.6756, "high": 1.0, "items": 8, "answered": 8}  # 8 / (8 + 1.96²)


def test_contrasts_are_paired_differences_on_unheard_subjects(finished):
    summary = finished[1]
    # Item by item on the unheard subject: active 1101, uniform 1100, stage1 1000.
    keys = {"active_minus_uniform": 25, "stage2_active_minus_stage1": 50, "stage2_uniform_minus_stage1": 25}
    for key, points in keys.items():
        assert (summary[key]["points"], summary[key]["items"]) == (points, 4), key
    # 0 or 100 in each of four resampled places, one in four of them 100.
    assert (summary["active_minus_uniform"]["low"], summary["active_minus_uniform"]["high"]) == (0, 75)


def test_gap_splits_into_forgetting_and_misalignment(finished):
    stage1, active = finished[1]["stage1"]["gap"], finished[1]["stage2_active"]["gap"]
    parts = [stage1["points"], stage1["forgetting"]["points"], stage1["misalignment"]["points"]]
    assert parts == [50, 12.5, 37.5]
    assert [active["points"], active["forgetting"]["points"], active["misalignment"]["points"]] == [12.5, 0, 12.5]
    assert finished[1]["stage1"]["recovery"] is None
    assert finished[1]["stage2_uniform"]["recovery"] == pytest.approx(1 - 37.5 / 50)
    assert finished[1]["stage2_active"]["recovery"] == pytest.approx(1 - 12.5 / 50)
    assert finished[1]["stage1"]["gap_unheard_subjects"]["points"] == 75


def test_gap_tables_without_regions_are_the_ones_compared(finished):
    summary = finished[1]
    assert summary["stage1"]["misalignment"] == {"mean": 0.3, "low": 0.2, "high": 0.4, "items": 2}
    assert summary["stage2_active"]["misalignment"]["mean"] == pytest.approx(0.1)
    assert summary["stage2_uniform"]["forgetting"]["mean"] == pytest.approx(0.02)


def test_misalignment_has_its_spans_and_its_place_behind_speech(finished):
    summary = finished[1]
    assert summary["stage1"]["spans"] == "text spans of 10-30 words, speech spans of 5-15"
    first, second, *_, last = summary["stage1"]["behind_speech"]
    assert (first["tokens"], first["tokens_share"], first["misalignment_share"]) == ("1", 0.2, 0.6)
    assert first["misalignment"] == pytest.approx(6 * 0.3 / 2) and second["misalignment"] == pytest.approx(2 * 0.3)
    assert (last["tokens"], last["tokens_share"], last["misalignment"]) == ("17+", 0.0, None)
    assert summary["regions"] == {"metric": "teacher_kl"} | {
        **{"spans": "text spans of 10-30 words, speech spans of 5-15", "reliability": 0.5, "icc": 0.25}
    }


def test_costs_are_listed_in_the_order_of_the_steps(finished):
    run, summary = finished
    assert list(summary["seconds"])[:3] == ["natural", "questions", "heldout"]
    assert summary["seconds"]["natural"] == 40.25
    assert summary["seconds"]["gaps/active"] == 1.5
    assert list(json.loads((run / "summary.json").read_text())["seconds"]) == list(summary["seconds"])
    assert summary["total_seconds"] == pytest.approx(40.25 + 1.5 * (len(summary["seconds"]) - 1))
    assert summary["peak_memory_bytes"] == summary["peak_memory_bytes_by_step"]["natural"] == 5_000_000
    assert "." not in summary["seconds"]


def test_added_speech_is_the_speech_that_the_first_model_was_not_trained_on(finished):
    assert finished[1]["stage1"]["added_seconds_of_speech"] is None
    assert finished[1]["stage2_active"]["added_seconds_of_speech"] == 3600


def test_a_second_report_of_the_same_run_is_the_same(finished):
    run, summary = finished
    before = (run / "report.html").read_bytes()
    assert report(run, run / "report.html", ReportSettings(**SETTINGS)) == summary
    assert (run / "report.html").read_bytes() == before


def test_command_prints_the_summary_and_a_table(run):
    options = [part for result in SETTINGS["results"] for part in ("--result", result)]
    options += ["--teacher", "eval-teacher", "--speech", "natural", "--held-out", "heldout"]
    options += ["--contrast", "stage2_active", "stage2_uniform", "--contrast", "stage2_active", "stage1"]
    done = CliRunner().invoke(main, ["report", str(run), "-o", str(run / "report.html"), *options])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["active_minus_uniform"]["points"] == 25
    lines = done.stderr.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("Stage II active") and "87.5 (" in line for line in lines)
    assert any(line.startswith("active minus uniform") and "+25.0 points" in line for line in lines)
    assert any(line.startswith("stage2 active minus stage1") and "+50.0 points" in line for line in lines)
    assert any("commonest answer of each subject 25.0 %" in line for line in lines)
    assert any(line.startswith("One seed: the intervals are over questions") for line in lines)


def test_without_gap_tables_the_figures_are_left_out(run):
    for path in (run / "gaps" / "active").iterdir():
        path.unlink()
    summary = report(run, run / "report.html", ReportSettings(**SETTINGS))
    assert summary["stage1"]["misalignment"] is None and summary["stage2_active"]["forgetting"] is None
