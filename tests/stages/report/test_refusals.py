"""Results that do not belong together, and invalid names, are refused."""

import shutil

import numpy as np
import pytest
from written_run import (
    HEARD,
    HELD_OUT,
    READ,
    SETTINGS,
    predictions,
    questions,
    write_gap,
    write_results,
    write_run,
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


def fewer_as_speech(run, left_out=0, **columns):
    """Stage I's results again, in which the first questions have no answer as speech, and rows of it other columns."""
    asked = questions("espeak:en-us")
    right = HEARD["stage1"].replace(" ", "")
    spoken = predictions(asked[left_out:], "stage1", "questions", "speech", right[left_out:])
    predicted = {
        "questions_text": predictions(asked, "stage1", "questions", "text", READ["stage1"]),
        "questions_speech": [row | columns for row in spoken],
        "heldout_speech": predictions(asked, "stage1", "heldout", "speech", HELD_OUT["stage1"]),
    }
    write_results(run / "cut", "stage1", run / "stage1", predicted, [run / "questions", run / "heldout"])
    return ReportSettings(**SETTINGS | {"results": ("stage1=cut",), "contrasts": ()})


@pytest.mark.parametrize("change", [{"left_out": 5}, {"shots": 2}])
def test_results_of_which_most_items_do_not_pair_are_refused(change, run):
    settings = fewer_as_speech(run, **change)
    message = r"eval-teacher/original \(text\) and .*cut \(speech\) do not pair.*'capitals-000'"
    with pytest.raises(SaladError, match=message):
        report(run, run / "report.html", settings)
    assert not (run / "report.html").exists() and not (run / "summary.json").exists()


def test_models_are_compared_on_the_items_that_all_answered(run, capsys):
    found = report(run, run / "report.html", fewer_as_speech(run, left_out=2))
    right = [int(bit) for bit in HEARD["stage1"].replace(" ", "")][2:]
    read = [int(bit) for bit in READ["stage1"].replace(" ", "")][2:]
    gap = found["stage1"]["gap"]
    assert gap["points"] == pytest.approx(100 * (1 - np.mean(right)), abs=1e-3)
    assert gap["forgetting"]["points"] == pytest.approx(100 * (1 - np.mean(read)), abs=1e-3)
    assert gap["points"] == pytest.approx(gap["forgetting"]["points"] + gap["misalignment"]["points"], abs=1e-3)
    assert [gap["items"], gap["forgetting"]["items"], gap["misalignment"]["items"]] == [6, 6, 6]
    counts = [found["text_accuracy"], found["stage1"]["text_accuracy"], found["stage1"]["speech_accuracy"]]
    assert [(count["items"], count["answered"]) for count in counts] == [(6, 8), (6, 8), (6, 6)]
    said = "Answered: text LLM 8, Stage I as text 8, Stage I spoken 6"
    assert said in capsys.readouterr().err and said in (run / "report.html").read_text()


def test_only_items_with_equally_many_examples_are_compared(run):
    def answered(model, row):
        few = model == "active" and row["modality"] == "speech" and row["id"] == "organs-003"
        return row | {"shots": 1 if few else 2}

    for folder in run.iterdir():
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    write_run(run, answered=answered)
    found = report(run, run / "report.html", ReportSettings(**SETTINGS))
    assert found["active_minus_uniform"]["items"] == 3 and found["stage1"]["gap"]["items"] == 7
    assert found["examples"] == {"mean": 2, "least": 2}
    assert "Examples before a question: 2.0 on average, at least 2" in (run / "report.html").read_text()


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
        ({"results": ("stage1=regions",), "contrasts": ()}, "regions holds regions, not results"),
        ({"results": ("stage1",), "contrasts": ()}, "'stage1' is not NAME=FOLDER"),
        ({"results": ("seconds=eval-stage1",), "contrasts": ()}, "'seconds' is a key of the summary"),
        ({"results": ("a=eval-stage1", "a=eval-active"), "contrasts": ()}, "'a' is given twice"),
        ({"contrasts": (("stage2_active", "stage3"),)}, "no result 'stage3'"),
        ({"contrasts": (("stage1", "stage1"),)}, "contrasted with itself"),
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
