"""What `report` compares, found in the manifests of a run; what they do not decide is said."""

import shutil
from dataclasses import replace

import pytest
from written_run import MODELS, predictions, questions, write_results, write_run, write_samples

from saladkit.reporting.discovery import complete
from saladkit.reporting.inventory import Inventory
from saladkit.settings.report import ReportSettings


def with_held_out(model, row):
    """Rows as `eval --heard` writes them: the voice of one task is held out."""
    return row | {"held_out": row["task"] == "heldout" if row["modality"] == "speech" else None}


@pytest.fixture
def run(tmp_path):
    write_run(tmp_path, answered=with_held_out)
    return tmp_path


def found(run, **given):
    settings, missing = complete(ReportSettings(**given), Inventory(run))
    return settings, [of.problem for of in missing]


def test_everything_is_found_in_the_manifests(run):
    settings, missing = found(run)
    assert missing == []
    assert settings.teacher == "eval-teacher/original"
    # Stage I first, then the model that was trained on the uniform selection.
    assert settings.results == (
        "stage1=eval-stage1/stage1",
        "uniform=eval-uniform/uniform",
        "active=eval-active/active",
    )
    assert (settings.speech, settings.held_out) == ("natural", "heldout")


def test_what_is_given_stays(run):
    given = {"teacher": "a", "results": ("b=eval-active/active",), "speech": "c", "held_out": "d"}
    settings, missing = found(run, **given)
    assert settings == replace(ReportSettings(), **given) and missing == []


def test_a_run_at_any_depth_is_found(run, tmp_path_factory):
    above = tmp_path_factory.mktemp("above")
    shutil.move(run, above / "a" / "b")
    settings, missing = found(above)
    assert missing == [] and settings.teacher == "a/b/eval-teacher/original"


def test_without_results_it_says_so(run):
    for folder in MODELS.values():
        shutil.rmtree(run / f"eval-{folder}")
    settings, missing = found(run)
    assert settings.results == () and settings.teacher is None
    assert missing == ["there are no results of a speech-adapted model on both speech and text"]


def test_without_the_text_llm_it_says_so(run):
    shutil.rmtree(run / "eval-teacher")
    settings, missing = found(run)
    assert settings.teacher is None and len(settings.results) == 3
    assert missing == ["there are no results of the text LLM on the same questions, hence no gap"]


def test_without_natural_speech_it_says_so(run):
    shutil.rmtree(run / "natural")
    settings, missing = found(run)
    assert settings.speech is None and len(missing) == 1 and "which subjects are heard" in missing[0]


def test_several_tasks_of_held_out_voices_are_not_decided_between(run):
    asked = questions("espeak:en-us")
    write_samples(run / "third", questions("espeak:en-sc"))
    for folder in MODELS.values():
        shutil.rmtree(run / f"eval-{folder}")
        predicted = {
            f"{task}_{modality}": predictions(asked, folder, task, modality, "11111111")
            for task in ("questions", "heldout", "third")
            for modality in ("text", "speech")
        }
        tasks = [run / task for task in ("questions", "heldout", "third")]
        write_results(
            run / f"eval-{folder}", folder, run / folder, predicted, tasks,
            lambda model, row: row | {"held_out": row["task"] != "questions"},
        )  # fmt: skip
    settings, missing = found(run)
    assert settings.held_out is None
    assert missing == ["several tasks are spoken by voices that were not heard in training: heldout, third"]


def test_results_on_other_questions_are_left_aside_and_named(run):
    rows = questions("espeak:en-us", items=2)
    write_samples(run / "others", rows)
    predicted = {
        f"others_{modality}": predictions(rows, "active", "others", modality, "1111") for modality in ("text", "speech")
    }
    write_results(run / "eval-others", "active", run / "active", predicted, [run / "others"])
    settings, missing = found(run)
    assert [result.partition("=")[2].partition("/")[0] for result in settings.results] == [
        f"eval-{of}" for of in MODELS.values()
    ]
    assert missing == ["results on other questions are not compared: eval-others"]


def test_a_model_that_was_evaluated_twice_counts_once(run):
    shutil.copytree(run / "eval-active", run / "eval-again")
    settings, _ = found(run)
    assert len(settings.results) == 3


def test_a_name_that_the_summary_uses_is_changed(tmp_path):
    write_run(tmp_path, answered=with_held_out)
    shutil.move(tmp_path / "active", tmp_path / "seconds")
    shutil.rmtree(tmp_path / "eval-active")
    asked = questions("espeak:en-us")
    predicted = {
        f"questions_{m}": predictions(asked, "seconds", "questions", m, "11111111") for m in ("text", "speech")
    }
    write_results(
        tmp_path / "eval-seconds",
        "seconds",
        tmp_path / "seconds",
        predicted,
        [tmp_path / "questions", tmp_path / "heldout"],
    )
    settings, _ = found(tmp_path)
    assert "seconds model=eval-seconds/seconds" in settings.results
