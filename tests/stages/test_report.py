"""`report` on a small run that is written here with the real writers."""

import json
import re
import sys
from base64 import b64decode

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from saladkit.cli import main
from saladkit.errors import SaladError
from saladkit.formats import gap_table, regions, results, samples
from saladkit.formats.artefact import create_artefact
from saladkit.formats.checkpoint import METRICS
from saladkit.speech.audio import encode_flac
from saladkit.stages.report import report

SUBJECTS = {"capitals": True, "organs": False}  # name -> heard
ITEMS = 4  # a subject
MODELS = {"stage1": "stage1", "stage2_uniform": "uniform", "stage2_active": "active"}
SETTINGS = {
    "teacher": "eval-teacher",
    "results": tuple(f"{name}=eval-{folder}" for name, folder in MODELS.items()),
    "contrast": ("stage2_active", "stage2_uniform"),
    "speech": "natural",
    "held_out": "heldout",
    "title": "A <small> run & more",
}
# Right answers, item by item: four of the heard subject, then four of the unheard one.
READ = {"teacher": "1111 1111", "stage1": "1111 1110", "uniform": "1111 1111", "active": "1111 1111"}
HEARD = {"stage1": "1110 1000", "uniform": "1110 1100", "active": "1111 1101"}
HELD_OUT = {"stage1": "1100 0000", "uniform": "1100 1000", "active": "1110 1100"}


def finish(writer, summary=None, **counts):
    writer.finish(counts=counts)
    writer.record({"command": writer.plan["verb"], "seconds": 1.5, "peak_memory_bytes": 1000, **(summary or {})})


def write_samples(folder, rows, *, verb="synth", settings=None, inputs=None, summary=None):
    started = {"schema": samples.SCHEMA, "version": samples.VERSION, "verb": verb}
    writer = create_artefact(folder, **started, settings=settings or {}, inputs=inputs or {})
    with writer.writing("part-00000-of-00001.parquet") as aside:
        samples.write_samples(pa.Table.from_pylist(rows), aside)
    finish(writer, summary, rows=len(rows), seconds_of_speech=3600.0)


def tone(number, seconds=0.05):
    return encode_flac(0.2 * np.sin(2 * np.pi * (300 + 20 * number) * np.arange(int(16000 * seconds)) / 16000), 16000)


def questions(voice, subjects=SUBJECTS, items=ITEMS):
    return [
        {
            "id": f"{subject}-{number:03d}",
            "text": f"The <i>answer</i> to {subject} number {number} is",
            "choices": ["one & only", "two", "three", "four"],
            "answer": number % 4,
            "domain": subject,
            "speaker": voice,
            "audio": {"bytes": tone(number), "path": None},
        }
        for subject in subjects
        for number in range(items)
    ]


def predictions(rows, task, modality, right):
    bits, found = [bit == "1" for bit in right.replace(" ", "")], []
    for row, is_right in zip(rows, bits, strict=True):
        best = row["answer"] if is_right else (row["answer"] + 1) % len(row["choices"])
        likely = [-0.1 * len(c) if i == best else -0.9 * len(c) for i, c in enumerate(row["choices"])]
        found.append(results.prediction_row(row, task, modality, likely))
    return found


def write_results(folder, model, predicted, tasks):
    writer = create_artefact(
        folder,
        schema=results.SCHEMA,
        version=results.VERSION,
        verb="eval",
        settings={},
        inputs={"model": model} | {f"task {task.name}": task for task in tasks},
    )
    for name, rows in predicted.items():
        with writer.writing(f"predictions-{name}.parquet") as aside:
            results.write_predictions(aside, rows)
    finish(writer, items=sum(map(len, predicted.values())))


def write_checkpoint(folder, inputs, verb, losses=(2.0, 1.0, 0.5)):
    writer = create_artefact(folder, schema="checkpoint", version=1, verb=verb, settings={}, inputs=inputs)
    with writer.writing("config.json") as aside:
        aside.write_text(json.dumps({"model_type": "salad", "name": folder.name}))
    with writer.writing(METRICS) as aside:
        # The first steps learn words alone: no distillation is logged.
        rows = [{"step": 10, "loss": 7.0, "lexical": 7.0}]
        rows += [{"step": 10 * (i + 2), "loss": loss + 3, "distillation": loss} for i, loss in enumerate(losses)]
        aside.write_text("".join(json.dumps(row) + "\n" for row in rows))
    finish(writer, steps=len(losses))


def write_gap(folder, checkpoint, spoken, values, *, by_region=None, with_regions=None, draws=4):
    writer = create_artefact(
        folder,
        schema=gap_table.SCHEMA,
        version=gap_table.VERSION,
        verb="gap",
        settings={"draws": draws},
        inputs={
            "checkpoint": checkpoint,
            "teacher": folder.parent / "lm.txt",
            "regions": with_regions,
            "samples 0": spoken,
        },
    )
    figures = dict.fromkeys(gap_table.METRICS, 0.5)
    about = {"region": None, "domain": "capitals", "speaker": "a", "tokens": 10}
    items = [
        {"id": f"item-{i}", **about, **figures, "misalignment": value, "forgetting": value / 10}
        for i, value in enumerate(values)
    ]
    rows = []
    for region, value in enumerate(by_region or []):
        parts = {"": value, "_low": value * 0.8, "_high": value * 1.2}
        columns = {f"{metric}{part}": v for metric in gap_table.METRICS for part, v in parts.items()}
        rows.append({"region": region, "probes": 6, **columns})
    gap_table.write_gap_table(writer, items, rows)
    finish(writer, rows=len(items))


def write_regions(folder, keywords):
    writer = create_artefact(folder, schema="regions", version=1, verb="regions", settings={}, inputs={})
    table = [
        {
            "region": i,
            "texts": 10,
            "pool_share": 1 / len(keywords),
            "speech_share": 0.25,
            "distance_to_speech": 0.1 * i,
            "keywords": words,
            "samples": ["a text"],
        }
        for i, words in enumerate(keywords)
    ]
    texts = [{"id": "t0", "region": 0, "distance_to_speech": 0.1, "nearest_spoken": "n0"}]
    vectors = np.ones((1, 4), np.float32)
    regions.write_regions(writer, vectors, vectors, vectors[0], texts, table)
    finish(writer, texts=10 * len(keywords))


def write_run(
    run,
    *,
    subjects=SUBJECTS,
    items=ITEMS,
    read=READ,
    heard=HEARD,
    held_out=HELD_OUT,
    keywords=(("paris", "rome", "<b>city"), ("heart", "liver", "lung")),
    region_gaps=(0.5, 2.0),
    chosen=((2, 2), (0, 4)),
    gaps=((0.2, 0.4), (0.2, 0.2), (0.1, 0.1)),
    losses=(2.0, 1.0, 0.5),
):
    """A run in the shape of the desk demo's."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "lm.txt").write_text("the text LLM")
    natural = [
        {"id": f"n{i}", "text": "spoken", "domain": s} for i, s in enumerate(s for s, h in subjects.items() if h)
    ]
    write_samples(run / "natural", natural, summary={"seconds": 40.25, "peak_memory_bytes": 5_000_000})
    asked = questions("espeak:en-us", subjects, items)
    write_samples(run / "questions", asked)
    write_samples(run / "heldout", questions("espeak:en-gb", subjects, items))
    write_regions(run / "regions", keywords)
    write_checkpoint(run / "stage1", {"data 0": run / "natural", "model": run / "lm.txt"}, "distill", losses)
    write_gap(
        run / "gap-probes",
        run / "stage1",
        run / "natural",
        [9.0, 9.5],
        by_region=region_gaps,
        with_regions=run / "regions",
    )
    for (name, counts), draws in zip(zip(("uniform", "active"), chosen, strict=True), (0, 5), strict=True):
        texts = [
            {"id": f"{name}-{region}-{i}", "text": "a text", "region": region}
            for region, count in enumerate(counts)
            for i in range(count)
        ]
        settings = {"gamma": draws, "metric": "teacher-kl" if draws else None, "count": len(texts), "per_region": None}
        inputs = {"regions": run / "regions"}
        write_samples(run / f"chosen-{name}", texts, verb="select", settings=settings, inputs=inputs)
        spoken = [text | {"duration": 2.0} for text in texts]
        write_samples(run / f"speech-{name}", spoken, inputs={"samples": run / f"chosen-{name}"})
        data = {"data 0": run / "natural", "data 1": run / f"speech-{name}", "checkpoint": run / "stage1"}
        write_checkpoint(run / name, data, "align", [loss / 2 for loss in losses])
    for folder, values in zip(MODELS.values(), gaps, strict=True):
        write_gap(run / "gaps" / folder, run / folder, run / "questions", list(values))
    tasks = [run / "questions", run / "heldout"]
    only_text = {"questions_text": predictions(asked, "questions", "text", read["teacher"])}
    write_results(run / "eval-teacher", run / "lm.txt", only_text, tasks[:1])
    for folder in MODELS.values():
        predicted = {
            "questions_text": predictions(asked, "questions", "text", read[folder]),
            "questions_speech": predictions(asked, "questions", "speech", heard[folder]),
            "heldout_speech": predictions(asked, "heldout", "speech", held_out[folder]),
        }
        write_results(run / f"eval-{folder}", run / folder, predicted, tasks)


def headline(page):
    return re.search(r"<h1>(.*?)</h1>", page)[1].replace("\u00a0", " ")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(the run's folder, what `report` returned)."""
    run = tmp_path_factory.mktemp("run")
    write_run(run)
    return run, report(run, run / "report.html", **SETTINGS)


@pytest.fixture
def run(tmp_path):
    write_run(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def page(finished):
    return (finished[0] / "report.html").read_text(encoding="utf-8")


def test_summary_file_is_what_is_returned(finished):
    run, summary = finished
    stored = json.loads((run / "summary.json").read_text())
    assert {"command": "report", "output": str(run / "report.html"), **stored} == summary


def test_the_two_losses_are_not_drawn_as_one(page):
    stage1 = next(panel for panel in page.split('class="panels"')[1].split("<h3>") if panel.startswith("Stage I<"))
    distillation, lexical = re.findall(r'class="curve s0( dashed)?" points="([^"]*)"', stage1)
    assert (distillation[0], len(distillation[1].split())) == ("", 3)
    assert (lexical[0], len(lexical[1].split())) == (" dashed", 1)


@pytest.mark.parametrize(
    ("name", "group", "accuracy", "items"),
    [
        ("stage1", "speech_accuracy", 4 / 8, 8),
        ("stage1", "heard_subjects", 3 / 4, 4),
        ("stage1", "unheard_subjects", 1 / 4, 4),
        ("stage1", "held_out_voice", 2 / 8, 8),
        ("stage1", "text_accuracy", 7 / 8, 8),
        ("stage2_uniform", "speech_accuracy", 5 / 8, 8),
        ("stage2_uniform", "unheard_subjects", 2 / 4, 4),
        ("stage2_active", "speech_accuracy", 7 / 8, 8),
        ("stage2_active", "heard_subjects", 4 / 4, 4),
        ("stage2_active", "held_out_voice", 5 / 8, 8),
    ],
)
def test_accuracies(finished, name, group, accuracy, items):
    found = finished[1][name][group]
    assert (found["accuracy"], found["items"]) == (pytest.approx(accuracy), items)
    assert 0 <= found["low"] <= found["accuracy"] <= found["high"] <= 1


def test_text_accuracy_of_the_text_model(finished):
    assert finished[1]["text_accuracy"] == {"accuracy": 1.0, "low": 1.0, "high": 1.0, "items": 8}


def test_contrasts_are_paired_differences_on_unheard_subjects(finished):
    summary = finished[1]
    # Item by item on the unheard subject: active 1101, uniform 1100, stage1 1000.
    for key, points in {"active_minus_uniform": 25, "active_minus_stage1": 50, "uniform_minus_stage1": 25}.items():
        assert (summary[key]["points"], summary[key]["items"]) == (points, 4), key
    # 0 or 100 in each of four resampled places, one in four of them 100.
    assert (summary["active_minus_uniform"]["low"], summary["active_minus_uniform"]["high"]) == (0, 75)


def test_gap_splits_into_forgetting_and_misalignment(finished):
    stage1, active = finished[1]["stage1"]["gap"], finished[1]["stage2_active"]["gap"]
    parts = [stage1["points"], stage1["forgetting"]["points"], stage1["misalignment"]["points"]]
    assert parts == [50, 12.5, 37.5]
    assert [active["points"], active["forgetting"]["points"], active["misalignment"]["points"]] == [12.5, 0, 12.5]
    assert finished[1]["stage1"]["recovery"] is None
    assert finished[1]["stage2_uniform"]["recovery"] == pytest.approx(1 - 37.5 / 50)
    assert finished[1]["stage2_active"]["recovery"] == pytest.approx(1 - 12.5 / 50)
    assert finished[1]["stage1"]["gap_unheard_subjects"]["points"] == 75


def test_gap_tables_without_regions_are_the_ones_compared(finished):
    summary = finished[1]
    assert summary["stage1"]["misalignment"] == {"mean": 0.3, "low": 0.2, "high": 0.4, "items": 2}
    assert summary["stage2_active"]["misalignment"]["mean"] == pytest.approx(0.1)
    assert summary["stage2_uniform"]["forgetting"]["mean"] == pytest.approx(0.02)


def test_costs_stand_in_the_order_of_the_steps(finished):
    run, summary = finished
    assert list(summary["seconds"])[:3] == ["natural", "questions", "heldout"]
    assert summary["seconds"]["natural"] == 40.25
    assert summary["seconds"]["gaps/active"] == 1.5
    assert list(json.loads((run / "summary.json").read_text())["seconds"]) == list(summary["seconds"])
    assert summary["total_seconds"] == pytest.approx(40.25 + 1.5 * (len(summary["seconds"]) - 1))
    assert summary["peak_memory_bytes"] == summary["peak_memory_bytes_by_step"]["natural"] == 5_000_000
    assert "." not in summary["seconds"]


def test_added_speech_is_what_the_first_model_had_not_heard(finished):
    assert finished[1]["stage1"]["added_seconds_of_speech"] is None
    assert finished[1]["stage2_active"]["added_seconds_of_speech"] == 3600


def test_a_second_report_of_the_same_run_is_the_same(finished):
    run, summary = finished
    before = (run / "report.html").read_bytes()
    assert report(run, run / "report.html", **SETTINGS) == summary
    assert (run / "report.html").read_bytes() == before


def test_headline_says_the_main_result(page):
    begin = "On subjects it had never heard, the model went from 25.0 % right to 75.0 % with Stage II active"
    assert headline(page) == f"{begin}; with Stage II uniform at the same budget, to 50.0 %."
    assert "cannot tell the two apart" in page


def test_everything_is_escaped(page):
    assert "<title>A &lt;small&gt; run &amp; more</title>" in page
    assert "The &lt;i&gt;answer&lt;/i&gt;" in page and "<i>" not in page
    assert "one &amp; only" in page and "&lt;b&gt;city" in page and "<b>city" not in page


def test_page_needs_nothing_else(page):
    assert "<script" not in page and "http" not in page and "url(" not in page
    assert len(page) < 4_000_000


def test_questions_are_played_from_the_artefact(page):
    addresses = re.findall(r'<audio controls="controls" preload="none" src="data:audio/flac;base64,([^"]+)"', page)
    expected = [tone(number) for number in range(ITEMS) for _ in SUBJECTS]
    assert [b64decode(address) for address in addresses] == expected
    first = re.search(r"<article>.*?</article>", page)[0]
    assert "organs, unheard subject, voice espeak:en-us" in first


def test_regions_show_the_gap_and_what_was_chosen(page):
    assert page.index("heart, liver, lung") < page.index("paris, rome")
    assert "region 1: 2.000 nats (1.600 to 2.400), 6 probes" in page
    assert "chosen-active: 4 texts" in page and "chosen-uniform: 2 texts" in page
    assert "texts in chosen-active (Stage II active)" in page


def test_picture_is_drawn(finished):
    assert (finished[0] / "report.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_there_is_no_picture_and_a_note(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    report(run, run / "report.html", **SETTINGS)
    assert "matplotlib is missing" in capsys.readouterr().err
    assert not (run / "report.png").exists() and (run / "report.html").exists()


def test_command_prints_the_summary_and_a_table(run):
    options = [part for result in SETTINGS["results"] for part in ("--result", result)]
    options += ["--teacher", "eval-teacher", "--speech", "natural", "--held-out", "heldout"]
    options += ["--contrast", "stage2_active", "stage2_uniform"]
    done = CliRunner().invoke(main, ["report", str(run), "-o", str(run / "report.html"), *options])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["active_minus_uniform"]["points"] == 25
    lines = done.stderr.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("Stage II active") and "87.5 (" in line for line in lines)
    assert any(line.startswith("active minus uniform") and "+25.0 points" in line for line in lines)


def test_without_a_contrast_the_last_result_stands_against_the_first(run):
    summary = report(run, run / "report.html", **SETTINGS | {"contrast": None})
    assert "active_minus_uniform" not in summary and summary["active_minus_stage1"]["points"] == 50
    said = headline((run / "report.html").read_text())
    assert said.endswith("went from 25.0 % right to 75.0 % with Stage II active.")


def test_one_result_of_heard_subjects_alone(tmp_path):
    write_run(tmp_path, subjects={"capitals": True, "dishes": True})
    summary = report(tmp_path, tmp_path / "o.html", **SETTINGS | {"contrast": None, "results": SETTINGS["results"][:1]})
    assert summary["stage1"]["unheard_subjects"] is None and summary["stage1"]["heard_subjects"]["items"] == 8
    said = headline((tmp_path / "o.html").read_text())
    assert said == "On spoken questions, the model answers 50.0 % of the questions by ear."


def test_gap_tables_of_other_samples_are_refused(run):
    for folder in ("stage1", "active"):
        write_gap(run / "other" / folder, run / folder, run / "heldout", [1.0])
    report(run, run / "report.html", **SETTINGS)
    for path in [*(run / "gaps" / "active").iterdir(), *(run / "other" / "active").iterdir()]:
        path.unlink()
    write_gap(run / "gaps" / "active", run / "active", run / "questions", [1.0], draws=1)
    with pytest.raises(SaladError, match="not measured on the same samples.*gap.*active"):
        report(run, run / "report.html", **SETTINGS)


def test_without_gap_tables_the_figures_are_left_out(run):
    for path in (run / "gaps" / "active").iterdir():
        path.unlink()
    summary = report(run, run / "report.html", **SETTINGS)
    assert summary["stage1"]["misalignment"] is None and summary["stage2_active"]["forgetting"] is None


def test_items_that_do_not_pair_are_named(run):
    asked = questions("espeak:en-us")
    predicted = {
        "questions_text": predictions(asked, "questions", "text", READ["stage1"]),
        "questions_speech": predictions(asked[1:], "questions", "speech", "1110100"),
        "heldout_speech": predictions(asked, "heldout", "speech", HELD_OUT["stage1"]),
    }
    write_results(run / "cut", run / "stage1", predicted, [run / "questions", run / "heldout"])
    with pytest.raises(SaladError, match=r"eval-teacher \(text\) and .*cut \(speech\) do not pair.*'capitals-000'"):
        report(run, run / "report.html", **SETTINGS | {"results": ("stage1=cut",), "contrast": None})
    assert not (run / "report.html").exists() and not (run / "summary.json").exists()


def test_another_question_under_the_same_id_is_refused(run):
    asked = questions("espeak:en-us")
    asked[0]["answer"] = 2
    rows = predictions(asked, "questions", "text", READ["teacher"])
    write_results(run / "changed", run / "lm.txt", {"questions_text": rows}, [run / "questions"])
    with pytest.raises(SaladError, match="item 'capitals-000' is another question in .*changed"):
        report(run, run / "report.html", **SETTINGS | {"teacher": "changed"})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"teacher": "nowhere"}, "nowhere is not a folder"),
        ({"teacher": "natural"}, "natural holds samples, not results"),
        ({"results": ("stage1=regions",), "contrast": None}, "regions holds regions, not results"),
        ({"results": ("stage1",), "contrast": None}, "'stage1' is not NAME=FOLDER"),
        ({"results": ("seconds=eval-stage1",), "contrast": None}, "'seconds' is a key of the summary"),
        ({"results": ("a=eval-stage1", "a=eval-active"), "contrast": None}, "'a' is given twice"),
        ({"contrast": ("stage2_active", "stage3")}, "no result 'stage3'"),
        ({"contrast": ("stage1", "stage1")}, "contrasted with itself"),
        ({"speech": "eval-active"}, "eval-active holds results, not samples"),
        ({"speech": "chosen-active"}, "chosen-active names no domain"),
        ({"held_out": "elsewhere"}, "eval-stage1 holds no speech predictions of elsewhere"),
        ({"held_out": "questions"}, "eval-teacher holds no text predictions"),
    ],
)
def test_wrong_input(finished, tmp_path, change, problem):
    with pytest.raises(SaladError, match=problem):
        report(finished[0], tmp_path / "report.html", **SETTINGS | change)
    assert list(tmp_path.iterdir()) == []


def test_an_artefact_is_never_written_into(run):
    before = (run / "natural" / "summary.json").read_bytes()
    with pytest.raises(SaladError, match="lies in an artefact"):
        report(run, run / "natural" / "report.html", **SETTINGS)
    assert (run / "natural" / "summary.json").read_bytes() == before
