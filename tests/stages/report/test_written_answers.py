"""The page of a run whose questions were answered in writing: by naming a choice, or openly, with a reference."""

import json
import re

import pytest
from written_run import SETTINGS, write_run

from saladkit.errors import SaladError
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report

SCORED = ("scored", "log_likelihoods", "greedy")


def by_choice(model, row):
    """A wrong answer names no choice."""
    written = {"response": "B.", "parsed": row["answer"] if row["acc"] else None, "drawn": False}
    return row | dict.fromkeys(SCORED) | written


def openly(model, row):
    written = {"response": "It is one." if row["acc"] else "No idea.", "reference": "one"}
    return row | dict.fromkeys((*SCORED, "choices", "answer", "parsed")) | written


def in_turn(model, row):
    return (openly if int(row["id"][-1]) % 2 else by_choice)(model, row)


def likeliest_or_open(model, row):
    return openly(model, row) if int(row["id"][-1]) % 2 else row


@pytest.mark.parametrize(
    "answered, said, chance",
    [
        (lambda model, row: row, ["highest"], 0.25),
        (by_choice, ["names in writing"], 0.25),
        (openly, ["contains the\nreference"], None),
        (in_turn, ["names in writing", "contains the\nreference"], None),
        (likeliest_or_open, ["highest", "contains the\nreference"], None),
    ],
)
def test_the_page_says_how_questions_were_answered(answered, said, chance, tmp_path):
    write_run(tmp_path, answered=answered)
    report(tmp_path, tmp_path / "report.html", ReportSettings(**SETTINGS))
    results = re.search(r"<h2>Results</h2>\s*<p>(.*?)</p>", (tmp_path / "report.html").read_text(), re.DOTALL)[1]
    ways = ["highest", "names in writing", "contains the\nreference"]
    assert [way for way in ways if way in results] == said
    assert ("Guessing scores" in results) == (chance is not None)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["chance"] == chance
    assert summary["stage2_active"]["speech_accuracy"]["accuracy"] == pytest.approx(0.875)


@pytest.mark.parametrize(
    "answered, options, of_right",
    [(by_choice, ["one &amp; only", "two", "three", "four"], 0), (openly, ["one", "another answer"], 0)],
)
def test_answers_stand_beside_the_question(answered, options, of_right, tmp_path):
    write_run(tmp_path, answered=answered)
    report(tmp_path, tmp_path / "report.html", ReportSettings(**SETTINGS))
    first = re.search(r"<article>.*?</article>", (tmp_path / "report.html").read_text(), re.DOTALL)[0]
    found = re.findall(r"<li( class=\"right\")?><span>([^<]*)</span><span class=\"votes\">(.*?)</span></li>", first)
    assert [text for _, text, _ in found] == options
    assert [place for place, (right, _, _) in enumerate(found) if right] == [of_right]
    assert all(name in found[of_right][2] for name in ("Stage I", "uniform", "active"))


def test_writing_and_likelihood_are_not_compared(tmp_path):
    write_run(tmp_path, answered=lambda model, row: by_choice(model, row) if model == "active" else row)
    with pytest.raises(SaladError, match="answered in writing in only one of"):
        report(tmp_path, tmp_path / "report.html", ReportSettings(**SETTINGS))
