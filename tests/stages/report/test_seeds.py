"""Results over the runs of several seeds."""

import shutil

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from written_run import HEARD, SETTINGS, SUBJECTS, grouped_and_written, write_run

from saladkit.errors import SaladError
from saladkit.reporting.predictions import read_predictions_of
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report

ANSWERS = ("1110 1000", "1111 1100", "1010 0110")


def write_seed(run, seed, **options):
    write_run(run, heard=HEARD | {"active": ANSWERS[seed]}, answered=grouped_and_written, seed=seed, **options)
    return run


def report_across(runs, **changes):
    settings = SETTINGS | {"across": tuple(map(str, runs[1:]))} | changes
    return report(runs[0], runs[0] / "report.html", ReportSettings(**settings))


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Three runs and what their report returned."""
    runs = [write_seed(tmp_path_factory.mktemp(f"seed-{seed}"), seed) for seed in range(3)]
    return runs, report_across(runs)


def answers(run, folder, modality="speech", group=None):
    rows = read_predictions_of("x", run / folder).rows[modality]
    kept = [key for key in sorted(rows) if key[0] == "questions"]
    in_group = [key for key in kept if group is None or rows[key]["domain"] == group]
    return np.array([float(rows[key]["acc_norm"]) for key in in_group])


@pytest.mark.parametrize("name, domain", [("all questions", None), ("unheard", "organs")])
def test_figures_over_seeds_are_means_of_the_seeds_means(seeds, name, domain):
    runs, summary = seeds
    table = summary["over_seeds"]["chosen"]["all" if domain is None else "subjects"][name]
    spoken, others, read = (
        [answers(run, folder, modality, domain) for run in runs]
        for folder, modality in (("eval-active", "speech"), ("eval-uniform", "speech"), ("eval-teacher", "text"))
    )
    expected = {
        "speech_accuracy": ("stage2_active", [right.mean() for right in spoken], "accuracy"),
        "gap": ("stage2_active", [100 * (a - b).mean() for a, b in zip(read, spoken, strict=True)], "points"),
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


def test_the_summary_and_the_page_say_how_many_seeds_a_claim_needs(seeds, capsys):
    runs, summary = seeds
    said = "3 seeds: the t interval is wide; a claim about a small difference needs 8 or more."
    assert summary["seeds"] == 3 and summary["seeds_note"] == said
    page = (runs[0] / "report.html").read_text()
    section = page[page.index("<h2>Over 3 seeds</h2>") :].split("</section>")[0]
    assert (
        said in section and "Gap of Stage II active" in section and "Stage II active minus Stage II uniform" in section
    )
    for title in ("Chosen answers, cell: far", "Written answers, Unheard subjects", "Chosen answers, spoken: no"):
        assert f"<summary>{title}</summary>" in section
    report_across(runs)
    lines = capsys.readouterr().err.splitlines()
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
        ({"training": {"max_steps": 7}}, "stage1 was made with --max-steps None, and .*stage1 with 7"),
        ({"interleavings": 2}, None),
        ({"answered": without_groups}, "other groups of questions: only one has by cell far"),
        ({"answered": lambda model, row: row}, "other (groups of questions|measures of answers)"),
        ({"answered": fewer_options}, "other numbers of options"),
        ({"subjects": {"organs": True, "capitals": True}}, "other groups of questions: only one has .*unheard"),
    ],
    ids=["seed", "steps", "interleavings", "groups", "writing", "options", "subjects"],
)
def test_runs_that_differ_in_more_than_their_seed_are_refused(seeds, options, problem, tmp_path):
    standard = {"seed": 1, "heard": HEARD, "answered": grouped_and_written}
    write_run(tmp_path / "other", **standard | options)
    runs = [seeds[0][0], tmp_path / "other"]
    out = tmp_path / "report.html"
    settings = ReportSettings(**SETTINGS | {"across": (str(runs[1]),)})
    if problem is None:  # how often a text was interleaved changes the noise of M, not what it is
        assert report(runs[0], out, settings)["seeds"] == 2
        return
    with pytest.raises(SaladError, match=problem):
        report(runs[0], out, settings)
    assert not out.exists()


def test_gap_tables_of_other_spans_are_refused(seeds, tmp_path, monkeypatch):
    import written_run

    monkeypatch.setattr(written_run, "SPANS", {"text_words": [1, 3], "speech_words": [5, 15]})
    other = write_seed(tmp_path / "other", 1)
    with pytest.raises(SaladError, match="text spans of 10-30 words.* and .*text spans of 1-3 words"):
        report(seeds[0][0], tmp_path / "r.html", ReportSettings(**SETTINGS | {"across": (str(other),)}))


@pytest.mark.parametrize(
    "across, problem",
    [
        (("nowhere",), "--across nowhere is not a folder"),
        (("again", "again"), "there already"),
        ((".",), "there already"),
    ],
)
def test_a_run_is_given_once_and_is_a_folder(across, problem, finished, tmp_path, monkeypatch):
    shutil.copytree(finished[0], tmp_path / "again")
    monkeypatch.chdir(finished[0])
    places = tuple(str(tmp_path / place) if place == "again" else place for place in across)
    with pytest.raises(SaladError, match=problem):
        report(finished[0], tmp_path / "r.html", ReportSettings(**SETTINGS | {"across": places}))


def test_a_model_that_another_run_lacks_is_named(seeds, tmp_path):
    other = write_seed(tmp_path / "other", 1)
    shutil.rmtree(other / "eval-active")
    with pytest.raises(SaladError, match="eval-active"):
        report(seeds[0][0], tmp_path / "r.html", ReportSettings(**SETTINGS | {"across": (str(other),)}))


def test_subjects_of_the_runs_may_differ(seeds, tmp_path):
    """A seed draws its own questions: heard subjects of one run may be other ones than those of another."""
    other = write_seed(tmp_path / "other", 1, subjects={"rivers": True, "organs": False})
    assert SUBJECTS.keys() != {"rivers", "organs"}
    found = report(seeds[0][0], tmp_path / "r.html", ReportSettings(**SETTINGS | {"across": (str(other),)}))
    assert found["seeds"] == 2
