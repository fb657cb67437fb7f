"""Selection strategies, compared over the runs of several seeds."""

import numpy as np
import pytest
from written_run import SETTINGS, write_run

from saladkit.errors import SaladError
from saladkit.reporting.predictions import read_predictions_of
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report

CHOICES = ("uniform=eval-uniform", "active-5=eval-active")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Two runs that differ in what active answers, and the report of both."""
    runs = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    for seed, (run, answers) in enumerate(zip(runs, ("11111111", "10101110"), strict=True)):
        write_run(run, heard={"stage1": "11101000", "uniform": "11101100", "active": answers}, seed=seed)
    settings = SETTINGS | {"choices": CHOICES, "across": (str(runs[1]),)}
    return runs, report(runs[0], runs[0] / "report.html", ReportSettings(**settings))


def answers(runs, folder):
    return [
        (row["text"], row["domain"], float(row["acc_norm"]))
        for run in runs
        for (task, _), row in read_predictions_of("x", run / folder).rows["speech"].items()
        if task == "questions"
    ]


def test_accuracies_are_those_of_all_runs_together(compared):
    runs, summary = compared
    found = summary["choices"]
    assert list(found) == ["uniform", "active-5"]
    heard = {subject for subject, about in summary["subjects"].items() if about["heard"]}
    for name, folder in (("uniform", "eval-uniform"), ("active-5", "eval-active")):
        for figure, is_heard in (("heard_subjects", True), ("unheard_subjects", False)):
            right = [value for _, domain, value in answers(runs, folder) if (domain in heard) is is_heard]
            assert found[name][figure]["accuracy"] == pytest.approx(np.mean(right), abs=1e-4)
        by_run = [
            np.mean([value for _, domain, value in answers([run], folder) if domain not in heard]) for run in runs
        ]
        assert found[name]["unheard_subjects"]["by_seed"] == pytest.approx(by_run, abs=1e-4)
    assert found["uniform"]["unheard_minus_control"] is None
    more = found["active-5"]["unheard_minus_control"]
    both = [found[name]["unheard_subjects"]["accuracy"] for name in ("active-5", "uniform")]
    assert more["points"] == pytest.approx(100 * (both[0] - both[1]), abs=0.01)
    assert more["low"] <= more["points"] <= more["high"]


def test_a_strategy_has_an_interval_over_seeds_as_well(compared):
    gain = compared[1]["choices"]["active-5"]["unheard_minus_control"]
    assert len(gain["by_seed"]) == 2 and gain["points"] == pytest.approx(np.mean(gain["by_seed"]))
    assert gain["t_low"] < gain["points"] < gain["t_high"]


def test_the_page_shows_each_strategy_beside_the_control(compared):
    page = (compared[0][0] / "report.html").read_text(encoding="utf-8")
    section = page[page.index("Selection strategies") :]
    assert "over 2 seeds" in section and "Active-5" in section and "minus Uniform" in section
    assert "unheard: +" in section and "heard: " in section


@pytest.mark.parametrize(
    "settings, problem",
    [
        ({"choices": ("uniform=eval-uniform",)}, "nothing to be compared with"),
        ({"choices": ("uniform=eval-uniform", "active")}, "NAME=FOLDER"),
        ({"choices": ("uniform=eval-uniform", "x=nothing")}, "nothing"),
        ({"choices": CHOICES, "across": ("elsewhere",)}, "elsewhere"),
    ],
)
def test_results_that_cannot_be_compared_are_refused(settings, problem, run):
    with pytest.raises(SaladError, match=problem):
        report(run, run / "report.html", ReportSettings(**SETTINGS | settings))
    assert not (run / "report.html").exists()
