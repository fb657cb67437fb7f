"""Results over the runs of several seeds."""

import re
import shutil

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from written_run import HEARD, SETTINGS, grouped_and_written, write_run

from saladkit.errors import SaladError
from saladkit.reporting.arguments import named_folders
from saladkit.reporting.findings import compute_findings
from saladkit.reporting.predictions import read_predictions_of
from saladkit.reporting.run_answers import read_run
from saladkit.reporting.same_recipe import check_same_recipe
from saladkit.reporting.seeds import compute_seeds
from saladkit.reporting.terminal_table import terminal_table
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report

ANSWERS = ("1110 1000", "1111 1100", "1010 0110")


def write_seed(run, seed, **options):
    write_run(run, heard=HEARD | {"active": ANSWERS[seed]}, answered=grouped_and_written, seed=seed, **options)
    return run


def across(*runs):
    return ReportSettings(**SETTINGS | {"across": tuple(map(str, runs))})


def read(runs):
    """The answers of all runs, which were found to be of one recipe."""
    settings = across()
    answers = [read_run(run, named_folders(settings.results), settings) for run in runs]
    check_same_recipe(answers)
    return answers


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Three runs and what their report returned."""
    runs = [write_seed(tmp_path_factory.mktemp(f"seed-{seed}"), seed) for seed in range(3)]
    return runs, report(runs[0], runs[0] / "report.html", across(*runs[1:]))


def answers(run, folder, modality="speech", group=None):
    rows = read_predictions_of("x", run / folder).rows[modality]
    kept = [key for key in sorted(rows) if key[0] == "questions"]
    in_group = [key for key in kept if group is None or rows[key]["domain"] == group]
    return np.array([float(rows[key]["acc_norm"]) for key in in_group])


@pytest.mark.parametrize("name, domain", [("all questions", None), ("unheard", "organs")])
def test_figures_over_seeds_are_means_of_the_seeds_means(seeds, name, domain):
    runs, summary = seeds
    table = summary["over_seeds"]["chosen"]["all" if domain is None else "subjects"][name]
    spoken, others, as_text = (
        [answers(run, folder, modality, domain) for run in runs]
        for folder, modality in (("eval-active", "speech"), ("eval-uniform", "speech"), ("eval-teacher", "text"))
    )
    expected = {
        "speech_accuracy": ("stage2_active", [right.mean() for right in spoken], "accuracy"),
        "gap": ("stage2_active", [100 * (a - b).mean() for a, b in zip(as_text, spoken, strict=True)], "points"),
        "contrasts": (
            "active_minus_uniform",
            [100 * (a - b).mean() for a, b in zip(spoken, others, strict=True)],
            "points",
        ),
    }
    for figure, (key, by_seed, unit) in expected.items():
        found = table[figure][key]
        assert found["by_seed"] == pytest.approx(by_seed, abs=1e-4), figure
        assert found[unit] == pytest.approx(np.mean(by_seed), abs=1e-3)
        assert found["low"] <= found[unit] <= found["high"]
        if len(set(by_seed)) > 1:
            interval = ttest_1samp(by_seed, 0).confidence_interval(0.95)
            bounds = np.clip(interval, 0, 1) if unit == "accuracy" else interval
            assert (found["t_low"], found["t_high"]) == pytest.approx(tuple(bounds), abs=1e-3)


def test_the_summary_and_the_page_say_how_many_seeds_a_claim_needs(seeds):
    runs, summary = seeds
    said = "3 seeds: the t interval is wide; a claim about a small difference needs 8 or more."
    assert summary["seeds"] == 3 and summary["seeds_note"] == said
    page = (runs[0] / "report.html").read_text()
    figures = summary["over_seeds"]["chosen"]["subjects"]["unheard"]["contrasts"]["active_minus_uniform"]
    lead = re.search(r"The difference over 3 seeds: ([+−.\d]+) points \(bootstrap [^;]*; t interval", page)
    assert float(lead[1].replace("−", "-")) == pytest.approx(figures["points"], abs=0.051)
    section = page[page.index("<h2>Over 3 seeds</h2>") :].split("</section>")[0]
    assert (
        said in section and "Gap of Stage II active" in section and "Stage II active minus Stage II uniform" in section
    )
    assert "<h3>Written answers, unheard subjects</h3>" in section  # what the headline is about stands open
    for title in ("Chosen answers, cell: far", "Written answers, All questions", "Chosen answers, spoken: no"):
        assert f"<summary>{title}</summary>" in section
    answers = read(runs)
    findings = compute_findings(answers[0], SETTINGS["contrasts"], SETTINGS["held_out"])
    lines = terminal_table(findings, compute_seeds(answers, findings.pairs))
    assert said in lines and any(line.startswith("active minus uniform, unheard subjects: ") for line in lines)
    assert max(map(len, lines)) <= 100


def test_one_run_has_no_figures_over_seeds(finished, page):
    assert finished[1]["seeds"] == 1 and "over_seeds" not in finished[1]
    assert "<h2>Over" not in page and "One seed: the intervals are over questions" in page


def without_groups(model, row):
    return grouped_and_written(model, row) | {"groups": []}


def fewer_options(model, row):
    keep = sorted({row["answer"], (row["answer"] + 1) % 4})
    cut = {key: [row[key][index] for index in keep] for key in ("choices", "scored", "log_likelihoods", "greedy")}
    return grouped_and_written(model, row | cut | {"answer": keep.index(row["answer"])})


@pytest.mark.parametrize(
    "options, problem",
    [
        ({"seed": 0}, "hold the same models: they are one seed"),
        ({"training": {"max_steps": 7}}, "stage1 was made with max_steps = None, and .*stage1 with 7"),
        ({"answered": without_groups}, "other groups of questions: only one has by cell far"),
        ({"answered": lambda model, row: row}, "other (groups of questions|measures of answers)"),
        ({"answered": fewer_options}, "other numbers of options"),
        ({"subjects": {"organs": True, "capitals": True}}, "other groups of questions: only one has .*unheard"),
    ],
    ids=["seed", "steps", "groups", "writing", "options", "subjects"],
)
def test_runs_that_differ_in_more_than_their_seed_are_refused(seeds, options, problem, tmp_path):
    standard = {"seed": 1, "heard": HEARD, "answered": grouped_and_written}
    write_run(tmp_path / "other", **standard | options)
    with pytest.raises(SaladError, match=problem):
        report(seeds[0][0], tmp_path / "report.html", across(tmp_path / "other"))
    assert not (tmp_path / "report.html").exists()


def test_gap_tables_of_other_spans_are_refused(seeds, tmp_path, monkeypatch):
    import written_run

    monkeypatch.setattr(written_run, "SPANS", {"text_words": [1, 3], "speech_words": [5, 15]})
    other = write_seed(tmp_path / "other", 1)
    with pytest.raises(SaladError, match="text spans of 10-30 words.* and .*text spans of 1-3 words"):
        read([seeds[0][0], other])


@pytest.mark.parametrize(
    "others, problem",
    [
        (("nowhere",), "--across nowhere is not a folder"),
        (("again", "again"), "there already"),
        ((".",), "there already"),
    ],
)
def test_a_run_is_given_once_and_is_a_folder(others, problem, finished, tmp_path, monkeypatch):
    shutil.copytree(finished[0], tmp_path / "again")
    monkeypatch.chdir(finished[0])
    places = tuple(str(tmp_path / place) if place == "again" else place for place in others)
    with pytest.raises(SaladError, match=problem):
        report(finished[0], tmp_path / "r.html", across(*places))


def test_a_model_that_another_run_lacks_is_named(seeds, tmp_path):
    other = write_seed(tmp_path / "other", 1)
    shutil.rmtree(other / "eval-active")
    with pytest.raises(SaladError, match="eval-active"):
        read([seeds[0][0], other])


def test_what_is_no_part_of_the_recipe_may_differ(seeds, tmp_path):
    """A seed draws its own questions and subjects; how often a text is interleaved changes only the noise of M."""
    other = write_seed(tmp_path / "other", 1, subjects={"rivers": True, "organs": False}, interleavings=2)
    assert len(read([seeds[0][0], other])) == 2
