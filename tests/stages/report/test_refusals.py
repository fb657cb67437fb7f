"""Results that do not belong together, and invalid names, are refused."""

import pytest
from written_run import (
    HELD_OUT,
    READ,
    SETTINGS,
    predictions,
    questions,
    write_gap,
    write_results,
)

from saladkit.errors import SaladError
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report


def test_gap_tables_of_other_samples_are_refused(run):
    for folder in ("stage1", "active"):
        write_gap(run / "other" / folder, run / folder, run / "heldout", [1.0])
    report(run, run / "report.html", ReportSettings(**SETTINGS))
    for path in [*(run / "gaps" / "active").iterdir(), *(run / "other" / "active").iterdir()]:
        path.unlink()
    write_gap(run / "gaps" / "active", run / "active", run / "questions", [1.0], interleavings=1)
    with pytest.raises(SaladError, match="not measured on the same samples.*gap.*active"):
        report(run, run / "report.html", ReportSettings(**SETTINGS))


def test_items_that_do_not_pair_are_named(run):
    asked = questions("espeak:en-us")
    predicted = {
        "questions_text": predictions(asked, "stage1", "questions", "text", READ["stage1"]),
        "questions_speech": predictions(asked[1:], "stage1", "questions", "speech", "1110100"),
        "heldout_speech": predictions(asked, "stage1", "heldout", "speech", HELD_OUT["stage1"]),
    }
    write_results(run / "cut", "stage1", run / "stage1", predicted, [run / "questions", run / "heldout"])
    message = r"eval-teacher/original \(text\) and .*cut \(speech\) do not pair.*'capitals-000'"
    with pytest.raises(SaladError, match=message):
        report(run, run / "report.html", ReportSettings(**SETTINGS | {"results": ("stage1=cut",), "contrast": None}))
    assert not (run / "report.html").exists() and not (run / "summary.json").exists()


def test_another_question_under_the_same_id_is_refused(run):
    asked = questions("espeak:en-us")
    asked[0]["answer"] = 2
    rows = predictions(asked, "original", "questions", "text", READ["teacher"])
    write_results(run / "changed", "original", run / "lm.txt", {"questions_text": rows}, [run / "questions"])
    with pytest.raises(SaladError, match="item 'capitals-000' is another question in .*changed"):
        report(run, run / "report.html", ReportSettings(**SETTINGS | {"teacher": "changed"}))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"teacher": "nowhere"}, "nowhere is not a folder"),
        ({"teacher": "natural"}, "natural holds samples, not results"),
        ({"teacher": "eval-teacher/nobody"}, "eval-teacher/nobody names no model"),
        ({"results": ("stage1=regions",), "contrast": None}, "regions holds regions, not results"),
        ({"results": ("stage1",), "contrast": None}, "'stage1' is not NAME=FOLDER"),
        ({"results": ("seconds=eval-stage1",), "contrast": None}, "'seconds' is a key of the summary"),
        ({"results": ("a=eval-stage1", "a=eval-active"), "contrast": None}, "'a' is given twice"),
        ({"contrast": ("stage2_active", "stage3")}, "no result 'stage3'"),
        ({"contrast": ("stage1", "stage1")}, "contrasted with itself"),
        ({"speech": "eval-active"}, "eval-active holds results, not samples"),
        ({"speech": "chosen-active"}, "chosen-active names no domain"),
        ({"held_out": "elsewhere"}, "eval-stage1/stage1 holds no speech predictions of elsewhere"),
        ({"held_out": "questions"}, "eval-teacher/original holds no text predictions"),
    ],
)
def test_wrong_input(finished, tmp_path, change, problem):
    with pytest.raises(SaladError, match=problem):
        report(finished[0], tmp_path / "report.html", ReportSettings(**SETTINGS | change))
    assert list(tmp_path.iterdir()) == []


def test_an_artefact_is_never_written_into(run):
    before = (run / "natural" / "summary.json").read_bytes()
    with pytest.raises(SaladError, match="lies in an artefact"):
        report(run, run / "natural" / "report.html", ReportSettings(**SETTINGS))
    assert (run / "natural" / "summary.json").read_bytes() == before
