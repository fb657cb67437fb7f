"""Results split by groups of the questions, several contrasts, and written answers beside chosen ones."""

import re

import numpy as np
import pytest
from written_run import ITEMS, SETTINGS, grouped_and_written, write_run

from saladkit.errors import SaladError
from saladkit.reporting.arguments import named_folders
from saladkit.reporting.contrasts import contrast_pairs
from saladkit.reporting.findings import compute_findings
from saladkit.reporting.predictions import read_predictions_of
from saladkit.reporting.run_answers import read_run
from saladkit.reporting.terminal_table import terminal_table
from saladkit.scoring.statistics import holm, mcnemar
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report

PAIRS = {
    "active_minus_uniform": ("active", "uniform"),
    "stage2_active_minus_stage1": ("active", "stage1"),
    "stage2_uniform_minus_stage1": ("uniform", "stage1"),
}


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """A run whose questions are in groups, and whose models wrote as well, and its report."""
    run = tmp_path_factory.mktemp("grouped")
    write_run(run, answered=grouped_and_written)
    return run, report(run, run / "report.html", ReportSettings(**SETTINGS))


def right(run, model, column, group, modality="speech"):
    """The answers of one model in one group, item by item."""
    rows = read_predictions_of("x", run / f"eval-{model}").rows[modality].items()
    return np.array(
        [
            float(row[column])
            for (task, _), row in sorted(rows, key=lambda item: item[0])
            if task == "questions" and (group is None or group in [(g["column"], g["value"]) for g in row["groups"]])
        ]
    )


@pytest.mark.parametrize("measure, column", [("chosen", "acc_norm"), ("written", "acc_written")])
@pytest.mark.parametrize(
    "split, name, group",
    [
        ("all", "all questions", None),
        ("by cell", "far", ("cell", "far")),
        ("by cell", "near", ("cell", "near")),
        ("by spoken", "no", ("spoken", "no")),
    ],
)
def test_every_group_has_its_figures(grouped, measure, column, split, name, group):
    run, summary = grouped
    for model, folder in (("stage1", "stage1"), ("stage2_active", "active")):
        found = summary[model]["groups"][measure][split][name]
        assert found["speech_accuracy"]["accuracy"] == pytest.approx(right(run, folder, column, group).mean())
        assert found["text_accuracy"]["accuracy"] == pytest.approx(right(run, folder, column, group, "text").mean())
        teacher = summary["text_groups"][measure][split][name]["accuracy"]
        assert found["gap"]["points"] == pytest.approx(100 * (teacher - found["speech_accuracy"]["accuracy"]), abs=1e-2)
    tests = []
    for key, (first, second) in PAIRS.items():
        one, other = (right(run, model, column, group) for model in (first, second))
        found = summary[key]["groups"][measure][split][name]
        assert found["points"] == pytest.approx(100 * (one - other).mean(), abs=1e-3)
        tests.append((mcnemar(one.astype(bool), other.astype(bool)).p, found["holm_p"]))
    assert [found for _, found in tests] == pytest.approx(holm([p for p, _ in tests]))


def test_a_question_without_a_value_is_in_no_group(grouped):
    cells = grouped[1]["stage1"]["groups"]["chosen"]["by cell"]
    items = {name: found["speech_accuracy"]["items"] for name, found in cells.items()}
    assert items == {"far": 4, "near": 2, "mean of groups": 6} and 2 * ITEMS == 8


def test_groups_of_different_sizes_weigh_the_same_in_their_mean(grouped):
    run, summary = grouped
    for measure, column in (("chosen", "acc_norm"), ("written", "acc_written")):
        means = {
            model: np.mean([right(run, model, column, ("cell", cell)).mean() for cell in ("far", "near")])
            for model in ("active", "uniform")
        }
        found = summary["stage2_active"]["groups"][measure]["by cell"]["mean of groups"]["speech_accuracy"]
        assert found["accuracy"] == pytest.approx(means["active"], abs=1e-4)
        difference = summary["active_minus_uniform"]["groups"][measure]["by cell"]["mean of groups"]
        assert difference["points"] == pytest.approx(100 * (means["active"] - means["uniform"]), abs=1e-3)
        assert difference["holm_p"] is None


def test_the_page_shows_every_group_and_what_is_written(grouped):
    page = (grouped[0] / "report.html").read_text()
    assert "Writes it, spoken" in page and "Written answers to spoken questions" in page
    for heading in ("By cell", "By spoken", "Differences"):
        section = page[page.index(f"<h3>{heading}</h3>") :].split("<h3>")[1]
        assert "Stage II active minus Stage II uniform" in section and "p = 1" in section, heading
    assert page.count('<th scope="col">far<') == 2  # of chosen and of written answers
    assert "The commonest" not in page and "the commonest answer of each subject 25.0 %" in page
    guesses = re.findall(r"Commonest answer</th>(.*?)</tr>", page, re.DOTALL)
    assert len(guesses) == 5 and all("%" in row for row in guesses)


def test_the_terminal_tells_what_is_written(grouped):
    settings = ReportSettings(**SETTINGS)
    answers = read_run(grouped[0], named_folders(settings.results), settings)
    lines = terminal_table(compute_findings(answers, settings.contrasts, settings.held_out), None)
    assert "% of answers written that begin with the right option" in lines
    assert any(line.startswith("active minus uniform, written, unheard subjects: ") for line in lines)
    assert max(map(len, lines)) <= 100


def change(model, key, value):
    return lambda of, row: grouped_and_written(of, row) | ({key: value} if of == model else {})


@pytest.mark.parametrize(
    "key, value, problem",
    [
        ("acc_written", None, "was answered in writing as well in only one of"),
        ("groups", [], "is in other groups in"),
        ("groups", [{"column": "cell", "value": "elsewhere"}], "is in other groups in"),
    ],
)
def test_results_that_were_split_or_written_otherwise_are_refused(key, value, problem, tmp_path):
    write_run(tmp_path, answered=change("active", key, value))
    with pytest.raises(SaladError, match=f"item '.*' {problem}"):
        report(tmp_path, tmp_path / "report.html", ReportSettings(**SETTINGS))


def test_contrasts_of_the_same_short_names_keep_their_whole_names():
    chosen = (("s_a", "s_b"), ("t_a", "t_b"), ("s_a", "t_b"))
    pairs = contrast_pairs(["s_a", "s_b", "t_a", "t_b"], chosen)
    assert list(pairs) == ["s_a_minus_s_b", "t_a_minus_t_b", "s_a_minus_t_b"]
    assert list(pairs.values()) == list(chosen)


def test_without_contrasts_each_later_result_is_compared_with_the_first():
    pairs = contrast_pairs(["stage1", "stage2_a", "stage2_b"], ())
    assert pairs == {"a_minus_stage1": ("stage2_a", "stage1"), "b_minus_stage1": ("stage2_b", "stage1")}


def test_the_headline_can_be_about_the_mean_over_the_groups_of_a_column(grouped, tmp_path):
    run, _ = grouped
    page = tmp_path / "page.html"
    summary = report(run, page, ReportSettings(**SETTINGS | {"primary": "cell"}))
    first = next(iter(PAIRS))
    means = {}
    for name, folder in (("stage1", "stage1"), ("active", "active"), ("uniform", "uniform")):
        means[name] = np.mean([right(run, folder, "acc_norm", ("cell", cell)).mean() for cell in ("far", "near")])
    assert summary[first]["group"] == "cell: mean of groups"
    assert summary[first]["points"] == pytest.approx(100 * (means["active"] - means["uniform"]), abs=1e-3)
    said = re.search("<h1>(.*?)</h1>", page.read_text()).group(1).replace("\xa0", " ")
    change = f"from {100 * means['stage1']:.1f} % (Stage I) to {100 * means['active']:.1f} % (Stage II active)."
    assert said.startswith(f"As the mean over the groups of cell, accuracy on spoken questions went {change}")


@pytest.mark.parametrize("column", ["colour", ""])
def test_a_headline_about_a_column_without_groups_is_refused(column, grouped, tmp_path):
    with pytest.raises(SaladError, match=f"no mean over groups of '{column}'"):
        report(grouped[0], tmp_path / "page.html", ReportSettings(**SETTINGS | {"primary": column}))
    assert list(tmp_path.iterdir()) == []
