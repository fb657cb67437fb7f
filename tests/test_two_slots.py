"""The desk's continuations of two slots: what the text LLM reads, what is asked, how it is scored and compared."""

import json
import subprocess
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from written_run import finish

import build_world
import rollout_table
import score_two_slots
from saladkit.errors import SaladError
from saladkit.formats import results
from saladkit.formats.artefact_writer import create_artefact
from two_slots import TRAIL, slots_right
from world import sentence

DOCUMENTS = 90


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small world without and with two slots: subjects, and the rows of its files by name."""
    folder = tmp_path_factory.mktemp("two-slots")
    sizes = replace(build_world.SMALL, lm_documents=120, pool_documents=90, natural_documents=60)
    subjects = build_world.chosen_subjects(None, True, sizes)
    for name, documents in (("without", 0), ("with", DOCUMENTS)):
        build_world.build(folder / name, subjects, replace(sizes, two_slot_documents=documents), seed=3)
    return folder, subjects


def rows(built, world, name):
    return pq.read_table(built[0] / world / f"{name}.parquet").to_pylist()


def test_the_text_llm_alone_reads_more(built):
    before, after = rows(built, "without", "lm"), rows(built, "with", "lm")
    assert after[: len(before)] == before and len(after) == len(before) + DOCUMENTS
    assert all(TRAIL in row["text"] for row in after[len(before) :])
    for name in ("pool", "natural", "questions"):
        assert rows(built, "with", name) == rows(built, "without", name)
        assert not any(TRAIL in row["text"] for row in rows(built, "with", name))
    assert not (built[0] / "without" / "two-slots.parquet").exists()


def test_every_sentence_names_whom_the_statement_is_about_and_what_is_asked_of_it(built):
    asked = {(row["domain"], row["entity"]): row["choices"][row["answer"]] for row in rows(built, "with", "questions")}
    told = [row for row in rows(built, "with", "lm") if TRAIL in row["text"]]
    found = set()
    for row in told:
        *statements, last = row["text"].split(TRAIL + " ")
        for statement, behind in zip(statements, [*statements[1:], last], strict=True):
            name, _, value = behind.split(".")[0].partition(", which recalls ")
            said = statement.split(". ")[-1] if ". " in statement else statement
            assert name.lower() in said.lower()
            assert asked[row["domain"], name] == value
            found.add(name)
    assert len(found) > DOCUMENTS / 2


def test_each_asked_entity_has_a_question_whose_statement_does_not_tell_the_value(built):
    _, subjects = built
    of = {(subject.name, entity): subject for subject in subjects for entity in subject.entities}
    questions = rows(built, "with", "two-slots")
    choices = {(row["domain"], row["entity"]): row for row in rows(built, "with", "questions")}
    assert {(row["domain"], row["entity"]) for row in questions} == choices.keys()
    assert len({row["id"] for row in questions}) == len(questions)
    for row in questions:
        subject, choice = of[row["domain"], row["entity"]], choices[row["domain"], row["entity"]]
        other = next(r for r in subject.relations if r.prompt(row["entity"]) != choice["text"])
        assert row["text"] in [sentence(t, row["entity"], other.values[row["entity"]]) for t in other.statements]
        assert row["value"] == choice["choices"][choice["answer"]] and row["spoken"] == choice["spoken"]
        assert row["trail"] == TRAIL and row["reference"] == f"{row['entity']}, which recalls {row['value']}"


@pytest.mark.parametrize(
    "response, right",
    [
        (" lion, which recalls cubs. The name was", (True, True)),
        ("Lion, which recalls Cubs.", (True, True)),
        (" tiger, which recalls cubs.", (False, True)),
        (" lion, which recalls cubs and more.", (True, False)),
        (" lion, which recalls", (True, False)),
        (" sea lion, which recalls cubs.", (False, True)),
        (" lion. It recalls cubs.", (False, False)),
        (" lion which recalls cubs.", (False, False)),
        ("", (False, False)),
    ],
)
def test_slots_are_right_if_they_are_exact(response, right):
    assert slots_right(response, "lion", "cubs") == right


def write_answers(folder, answers, model):
    """Written answers {id: response} of one model, heard."""
    writer = create_artefact(
        folder, schema=results.SCHEMA, version=results.VERSION, verb="eval", settings={}, inputs={}
    )
    about = {"model": model, "task": "two-slots", "modality": "speech", "text": "said", "shots": 0}
    with writer.writing("predictions-two-slots.parquet") as aside:
        found = [about | {"id": id_, "response": response} for id_, response in answers.items()]
        results.write_rows(aside, found, results.PREDICTIONS)
    finish(writer, rows=len(answers))


def test_the_script_counts_slots(built, loaded_python, repository, tmp_path):
    questions = rows(built, "with", "two-slots")[:8]
    written = {
        row["id"]: f" {row['entity'] if place < 6 else 'nobody'}, which recalls {row['value'] if place % 2 else 'x'}."
        for place, row in enumerate(questions)
    }
    write_answers(tmp_path / "slots", written | {"other": "not asked"}, "mine")
    script = repository / "examples" / "desk" / "score_two_slots.py"
    done = subprocess.run(
        [loaded_python, script, built[0] / "with", tmp_path / "slots"], capture_output=True, text=True, check=True
    )
    line = json.loads(done.stdout)
    assert line["model"] == "mine" and line["modality"] == "speech" and line["questions"] == 8
    assert line["first"]["value"] == 0.75 and line["second"]["value"] == 0.5
    assert line["second_behind_wrong_name"] == 0.5
    assert line["first"]["low"] < 0.75 < line["first"]["high"]
    with pytest.raises(SaladError, match="does not exist"):
        score_two_slots.slots_of(built[0] / "without", tmp_path / "slots")
    write_answers(tmp_path / "none", {"other": "x"}, "mine")
    with pytest.raises(SaladError, match="no written answers"):
        score_two_slots.slots_of(built[0] / "with", tmp_path / "none")


@pytest.fixture
def runs(built, tmp_path):
    """Two seeds; the arm `better` has two more second slots right than `offline` among eight, in each."""
    questions = rows(built, "with", "two-slots")[:8]
    for seed in (0, 1):
        run = tmp_path / f"seed-{seed}"
        run.mkdir()
        (run / "world").symlink_to(built[0] / "with")
        for arm, right in (("offline", 3 + seed), ("better", 5 + seed)):
            values = [row["value"] if place < right else "x" for place, row in enumerate(questions)]
            answers = {
                row["id"]: f" {row['entity']}, which recalls {value}."
                for row, value in zip(questions, values, strict=True)
            }
            write_answers(run / f"slots-{arm}", answers, arm)
            (run / f"eval-{arm}").mkdir()
            (run / f"eval-{arm}" / "manifest.json").write_text("{}")
            (run / f"gap-{arm}").mkdir()
            (run / f"gap-{arm}" / "manifest.json").write_text("{}")
            exposure = {"speech": {"exposure_gap": {"mean": 0.5 - 0.1 * (arm == "better")}}}
            summary = {"misalignment": {"mean": 1.0}, "exposure": exposure}
            (run / f"gap-{arm}" / "summary.json").write_text(json.dumps(summary))
    return [tmp_path / "seed-0", tmp_path / "seed-1"]


def test_the_table_compares_arms_within_a_seed(runs):
    line = rollout_table.compare(runs, "better", "offline", "second")
    assert line["seeds"] == 2 and line["mean"] == pytest.approx(100 * 5.5 / 8)
    assert line["difference"] == pytest.approx(25.0)
    assert line["low"] < 25 < line["high"]
    assert "difference" not in rollout_table.compare(runs, "offline", "offline", "second")
    assert rollout_table.compare(runs, "better", "offline", "first")["difference"] == 0
    assert rollout_table.compare(runs, "better", "offline", "exposure_gap")["difference"] == pytest.approx(-0.1)
    assert rollout_table.is_finished(runs[0], "better") and not rollout_table.is_finished(runs[0], "third")
