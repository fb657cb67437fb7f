"""The page of any run: without options, without results, half finished, of another version, and several runs."""

import json
import re
import shutil

import pytest
from written_run import (
    HEARD,
    ITEMS,
    MODELS,
    READ,
    SETTINGS,
    SUBJECTS,
    predictions,
    questions,
    write_checkpoint,
    write_results,
    write_run,
)

from saladkit.errors import SaladError
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report


def with_held_out(model, row):
    return row | {"held_out": row["task"] == "heldout" if row["modality"] == "speech" else None}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run whose results say which voice is held out, and its page without any option."""
    run = tmp_path_factory.mktemp("kept")
    write_run(run, answered=with_held_out)
    return run, report(run, run / "report.html", ReportSettings()), (run / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def run(kept, tmp_path):
    """A copy of that run, to be changed."""
    shutil.copytree(kept[0], tmp_path / "run", ignore=shutil.ignore_patterns("report*"))
    (tmp_path / "run" / "summary.json").unlink()
    return tmp_path / "run"


def page_of(run, *others, **given):
    summary = report(run, run.parent / "page.html", ReportSettings(**given), others=others)
    return summary, (run.parent / "page.html").read_text(encoding="utf-8")


def test_without_options_the_figures_are_those_with_all_of_them(kept, run):
    named = {"results": tuple(f"{name}=eval-{name}/{name}" for name in MODELS.values()), "contrasts": ()}
    given = report(run, run.parent / "given.html", ReportSettings(**SETTINGS | named | {"title": "saladkit"}))
    found = dict(kept[1])
    assert found.pop("output") != given.pop("output") and found["missing"] == []
    for summary in (given, found):  # files that were copied have other times
        for name in ("seconds", "total_seconds", "peak_memory_bytes", "peak_memory_bytes_by_step"):
            summary.pop(name)
    assert given == found


def test_the_same_run_gives_the_same_page(kept, run):
    again = report(kept[0], run.parent / "report.html", ReportSettings())
    assert again["stage1"] == kept[1]["stage1"]
    assert (run.parent / "report.html").read_text(encoding="utf-8") == kept[2]


def test_each_question_that_is_lost_has_a_row(kept):
    section = kept[2][kept[2].index('id="lost"') :].split("</section>")[0]
    wrong = [place for place in range(len(SUBJECTS) * ITEMS) if "0" in column(place)]
    assert section.count("<tr data-") == len(wrong) and f"The {len(wrong)} questions" in section
    assert section.count("<audio") == len(wrong)


def column(place):
    """The answers of all models to one spoken question, where the text LLM reads it right."""
    assert READ["teacher"].replace(" ", "")[place] == "1"
    return "".join(HEARD[name].replace(" ", "")[place] for name in MODELS.values())


def test_each_artefact_has_its_command_line_and_digest(kept):
    section = kept[2][kept[2].index('id="artefacts"') :]
    for name in ("natural", "regions", "stage1", "eval-teacher", "gap-probes"):
        assert f"<h3>{name}</h3>" in section
    assert section.count("digest <code>") == section.count("<h3>")


def test_a_folder_without_artefacts_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(SaladError, match="no artefact of saladkit below it"):
        report(tmp_path, tmp_path / "report.html", ReportSettings())
    assert not (tmp_path / "report.html").exists()


def test_a_run_without_results_shows_what_is_there(run):
    for folder in ("eval-teacher", *(f"eval-{name}" for name in MODELS.values())):
        shutil.rmtree(run / folder)
    summary, page = page_of(run)
    assert "No comparison of text and speech yet" in page and "there are no results of a speech-adapted model" in page
    for section in ("map", "regions", "training", "cost", "artefacts"):
        assert f'<section id="{section}">' in page
    assert '<section id="results">' not in page and len(summary["missing"]) == 1


def test_what_is_not_finished_of_another_version_or_damaged_is_said_with_the_fix(run):
    (run / "natural" / "manifest.json").write_text("{")
    older = json.loads((run / "regions" / "manifest.json").read_text())
    (run / "regions" / "manifest.json").write_text(json.dumps(older | {"schema_version": 1, "tool": "saladkit 0.0.1"}))
    (run / "gaps" / "active" / "items.parquet").unlink()
    manifest = json.loads((run / "active" / "manifest.json").read_text())
    (run / "active" / "manifest.json").unlink()
    (run / "active" / "plan.json").write_text(json.dumps(manifest))
    summary, page = page_of(run)
    said = {of["problem"].rpartition(str(run))[2]: of["fix"] for of in summary["missing"]}
    assert "/active is not finished" in said and "continues where it stopped" in said["/active is not finished"]
    (version,) = [fix for problem, fix in said.items() if problem.startswith("/regions is regions of version 1")]
    assert "read it with saladkit 0.0.1" in version
    assert any("items.parquet is missing" in problem for problem in said)
    assert any("natural/manifest.json" in problem for problem in said)
    assert page.count("<li>") >= len(said) and "continues where it stopped" in page


def test_a_training_under_way_has_its_curves(run):
    begun = run / "later"
    (begun / "training" / "checkpoint-20").mkdir(parents=True)
    plan = json.loads((run / "stage1" / "manifest.json").read_text())
    (begun / "plan.json").write_text(json.dumps(plan))
    log = [
        {"step": 10, "loss": 4.0, "distillation": 4.0},
        {"step": 20, "loss": 3.0, "distillation": 3.0},
        {"step": 20, "runtime": 1},
    ]
    (begun / "training" / "checkpoint-20" / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    shutil.rmtree(run / "eval-teacher")
    _, page = page_of(run)
    assert "later so far, distillation loss: 3 at step 20" in page


def test_results_without_the_text_llm_are_shown_as_eval_computed_them(run):
    shutil.rmtree(run / "eval-teacher")
    summary, page = page_of(run)
    assert "no results of the text LLM" in page and "stage1" not in summary
    section = page[page.index('<section id="evaluations">') :].split("</section>")[0]
    row = re.search(r'<th scope="row">active speech</th><td>questions</td><td>8</td>\s*<td>([^<]*)', section)
    assert row[1].replace("\u00a0", " ") == "87.5 %"  # HEARD: seven of eight


def test_results_that_do_not_fit_together_are_said_unless_they_were_named(run):
    asked = questions("espeak:en-us")
    asked[0]["answer"] = 2
    shutil.rmtree(run / "eval-teacher")
    rows = predictions(asked, "original", "questions", "text", READ["teacher"])
    write_results(run / "eval-teacher", "original", run / "lm.txt", {"questions_text": rows}, [run / "questions"])
    summary, page = page_of(run)
    assert any("is another question" in of["problem"] for of in summary["missing"]) and "is another question" in page
    with pytest.raises(SaladError, match="is another question"):
        page_of(run, teacher="eval-teacher/original")


def test_results_may_be_named_by_their_artefact_and_by_whole_paths(kept, run):
    for place in (f"eval-{MODELS['stage1']}", f"{run}/eval-{MODELS['stage1']}/stage1"):
        given, page = page_of(run, results=(f"stage1={place}", "stage2_active=eval-active/active"))
        assert given["missing"] == [] and given["stage1"]["gap"] == kept[1]["stage1"]["gap"]
        shown = page[page.index('<section id="evaluations">') :].split("</section>")[0]
        assert "uniform speech" in shown and "stage1 speech" not in shown  # what is compared is not shown again


def test_each_of_many_models_has_its_own_lost_questions(run):
    named = []
    for number in range(11):
        right = f"{number:04b} 1111"  # what the model hears, as its number
        rows = predictions(questions("espeak:en-us"), f"m{number}", "questions", "speech", right)
        read = predictions(questions("espeak:en-us"), f"m{number}", "questions", "text", READ["teacher"])
        tables = {"questions_speech": rows, "questions_text": read}
        write_results(run / f"eval-m{number}", f"m{number}", run / "stage1", tables, [run / "questions"])
        named.append(f"m{number}=eval-m{number}/m{number}")
    _, page = page_of(run, results=tuple(named), contrasts=())
    section = page[page.index('id="lost"') :].split("</section>")[0]
    lost = [set(models.split()) for models in re.findall(r'<tr data-[^>]*data-model="([^"]*)"', section)]
    expected = [{str(n) for n in range(11) if f"{n:04b}"[place] == "0"} for place in range(4)]
    assert sorted(map(sorted, lost)) == sorted(map(sorted, expected))


def test_several_runs_stand_side_by_side(kept, run, tmp_path):
    empty = tmp_path / "empty"
    write_checkpoint(empty / "stage1", {}, "distill", seed=7)
    summary, page = page_of(kept[0], run, empty)
    assert list(summary["runs"]) == [kept[0].name, "run", "empty"]
    assert summary["runs"]["run"]["active"]["gap"] == summary["active"]["gap"]
    assert "no results" in summary["runs"]["empty"]["missing"][0]["problem"]
    section = page[page.index('id="runs"') :].split("</section>")[0]
    assert section.count("Stage I") == 2 and ">seed</small>" in section


@pytest.mark.parametrize("others, problem", [(["nowhere"], "is not a folder"), (["."], "given twice")])
def test_runs_beside_the_first_are_folders_given_once(kept, others, problem, tmp_path):
    with pytest.raises(SaladError, match=problem):
        report(kept[0], tmp_path / "page.html", ReportSettings(), others=[kept[0] / other for other in others])


def test_the_chosen_texts_are_on_the_map_with_their_reasons(kept):
    data = kept[2].partition('id="map-data">')[2].partition("</SCRIPT>")[0]
    found = json.loads(data)
    assert [region["name"] for region in found["regions"]] == ["paris, rome, <b>city", "heart, liver, lung"]
    assert "<" not in data
    by_name = {selection["name"]: selection["reasons"] for selection in found["selections"]}
    ids = {name: sorted(found["ids"][int(dot)] for dot in reasons) for name, reasons in by_name.items()}
    assert ids["chosen-active"] == [f"pool-1-{i}" for i in range(4)]
    assert {why["strategy"] for why in by_name["chosen-active"].values()} == {"active"}
    dot = found["ids"].index("pool-0-9")
    assert found["words"][str(dot)] == "Text 9 <b>& more"


def test_a_pool_that_has_moved_leaves_the_words_of_chosen_texts(run):
    (run / "pool.parquet").unlink()
    manifest = json.loads((run / "regions" / "manifest.json").read_text())
    manifest["inputs"]["pool"]["path"] = str(run / "pool.parquet")
    (run / "regions" / "manifest.json").write_text(json.dumps(manifest))
    _, page = page_of(run)
    found = json.loads(page.partition('id="map-data">')[2].partition("</SCRIPT>")[0])
    assert set(found["words"].values()) == {"a text"} and 0 < len(found["words"]) < len(found["ids"])
    assert "The page has the words of" in page
