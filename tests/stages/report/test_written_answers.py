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


def likeliest_or_open(model, row):
    return openly(model, row) if int(row["id"][-1]) % 2 else row


CHOICES = ["one &amp; only", "two", "three", "four"]


@pytest.mark.parametrize(
    "answered, said, chance, options",
    [
        (by_choice, ["names in writing"], 0.25, CHOICES),
        (openly, ["contains the\nreference"], None, ["one", "another answer"]),
        (likeliest_or_open, ["highest", "contains the\nreference"], None, CHOICES),
    ],
)
def test_the_page_says_how_questions_were_answered(answered, said, chance, options, tmp_path):
    write_run(tmp_path, answered=answered)
    report(tmp_path, tmp_path / "report.html", ReportSettings(**SETTINGS))
    page = (tmp_path / "report.html").read_text()
    results = re.search(r"<h2>Results</h2>\s*<p>(.*?)</p>", page, re.DOTALL)[1]
    ways = ["highest", "names in writing", "contains the\nreference"]
    assert [way for way in ways if way in results] == said
    assert ("A random choice scores" in results) == (chance is not None)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["chance"] == chance
    assert summary["stage2_active"]["speech_accuracy"]["accuracy"] == pytest.approx(0.875)
    first = re.search(r"<article>.*?</article>", page, re.DOTALL)[0]
    found = re.findall(r"<li( class=\"right\")?><span>([^<]*)</span><span class=\"votes\">(.*?)</span></li>", first)
    assert [text for _, text, _ in found] == options
    assert [bool(right) for right, _, _ in found] == [True] + [False] * (len(options) - 1)
    assert all(name in found[0][2] for name in ("Stage I", "uniform", "active"))


def test_writing_and_likelihood_are_not_compared(tmp_path):
    write_run(tmp_path, answered=lambda model, row: by_choice(model, row) if model == "active" else row)
    with pytest.raises(SaladError, match="answered in writing in only one of"):
        report(tmp_path, tmp_path / "report.html", ReportSettings(**SETTINGS))
