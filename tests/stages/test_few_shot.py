"""`eval --num-fewshot`: every condition has the same examples before a question, as many as fit under all of them."""

import json
from itertools import product

import numpy as np
import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from saladkit.formats.results import FIGURES_FILE, read_predictions, read_rows
from saladkit.formats.samples import write_samples
from saladkit.sources.samples import read_samples

SHOTS = 3
ROOM = 110  # positions: three examples as text, fewer as speech, and fewer still at a lower speed


@pytest.fixture(scope="module")
def asked(checkpoint, text_lm, spoken_questions):
    """The command without modalities and output; every condition has questions with room for fewer than three."""
    return ["eval", checkpoint, spoken_questions, "--num-fewshot", SHOTS, "--max-length", ROOM, "--device", "cpu"]


def by_condition(folder):
    found = {}
    for row in read_predictions(folder):
        found.setdefault((row["model"], row["modality"]), {})[row["id"]] = row
    return found


def examples_of(row):
    """The text before the question, which must be the same under every condition."""
    *examples, _ = row["context"].split("\n\n")
    return examples


@pytest.mark.parametrize("writes", [[], ["--generate", "--template", "continuation", "--max-new-tokens", 4]])
def test_every_condition_has_as_many_examples_as_fit_under_all_of_them(writes, shell, asked, text_lm, tmp_path):
    line = [*asked, *writes, "--teacher", text_lm, "--perturb", "speed=0.8"]
    done = shell(*line, "-o", tmp_path / "all")
    assert done.exit_code == 0, done.stderr
    together = by_condition(tmp_path / "all")
    assert len(together) == 4
    # The twin: each condition alone takes as many as it has room for.
    shell(*asked, *writes, "--modality", "text", "-o", tmp_path / "text")
    shell(*asked, *writes, "--modality", "speech", "-o", tmp_path / "speech")
    alone = by_condition(tmp_path / "text") | by_condition(tmp_path / "speech")
    slow = [*asked, *writes, "--modality", "speech", "--perturb", "speed=0.8"]
    shell(*slow, "-o", tmp_path / "slow")
    alone["checkpoint", "speech_speed0.8"] = by_condition(tmp_path / "slow")["checkpoint", "speech_speed0.8"]
    room = [{id_: row["shots"] for id_, row in rows.items()} for rows in alone.values()]
    expected = {id_: min(of[id_] for of in room if id_ in of) for id_ in set().union(*room)}
    assert len({*expected.values()}) > 1 and max(expected.values()) < max(room[0].values())
    for rows in together.values():
        assert {id_: row["shots"] for id_, row in rows.items()} == {id_: expected[id_] for id_ in rows}
    for rows, other in product(together.values(), repeat=2):
        shared = rows.keys() & other.keys()
        assert [examples_of(rows[id_]) for id_ in shared] == [examples_of(other[id_]) for id_ in shared]
    found = json.loads(done.stdout)
    counts = found["results"]["checkpoint"]["spoken-questions_speech"]["examples"]
    shots = [row["shots"] for row in together["checkpoint", "speech"].values()]
    assert counts == {"mean": pytest.approx(np.mean(shots), abs=0.005), "least": min(shots)}
    assert f"{counts['mean']:.1f} examples, at least {counts['least']}" in done.stderr
    named = found["room_for_examples"]["spoken-questions"]
    assert named["checkpoint text"] == pytest.approx(np.mean([*room[0].values()]), abs=0.005)
    assert named["checkpoint speech"] == pytest.approx(np.mean([*room[1].values()]), abs=0.005)
    assert "room for" in done.stderr


def test_a_compared_model_with_fewer_positions_sets_the_number(shell, asked, text_lm, world, tmp_path):
    short = tmp_path / "short"
    AutoModelForCausalLM.from_pretrained(text_lm).save_pretrained(short)
    for file in text_lm.glob("tokenizer*"):
        (short / file.name).write_bytes(file.read_bytes())
    config = AutoConfig.from_pretrained(short)
    config.max_position_embeddings = 40
    config.save_pretrained(short)
    questions, options = world / "questions.parquet", ["--num-fewshot", SHOTS, "--modality", "text", "--device", "cpu"]
    assert shell("eval", short, questions, *options, "-o", tmp_path / "alone").exit_code == 0
    assert shell("eval", text_lm, questions, *options, "--compare", short, "-o", tmp_path / "both").exit_code == 0
    alone, both = by_condition(tmp_path / "alone")["short", "text"], by_condition(tmp_path / "both")
    assert min(row["shots"] for row in alone.values()) < SHOTS
    for rows in both.values():
        assert {id_: row["shots"] for id_, row in rows.items()} == {id_: row["shots"] for id_, row in alone.items()}
    assert both["short", "text"] == alone


def test_an_interrupted_evaluation_keeps_its_examples(shell, asked, text_lm, contents, tmp_path, monkeypatch):
    from saladkit.scoring.multiple_choice import ContinuationScorer

    line = [*asked, "--teacher", text_lm]
    assert shell(*line, "-o", tmp_path / "whole").exit_code == 0
    predict = ContinuationScorer.predict

    def stopped(self, *arguments):
        if self.condition.modality == "speech":
            raise KeyboardInterrupt
        return predict(self, *arguments)

    monkeypatch.setattr(ContinuationScorer, "predict", stopped)
    shell(*line, "-o", tmp_path / "cut")
    assert (tmp_path / "cut" / "working" / "few-shot.json").exists()
    monkeypatch.undo()
    assert shell(*line, "-o", tmp_path / "cut").exit_code == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_the_gap_adds_up_over_the_items_that_every_condition_answered(
    shell, checkpoint, text_lm, spoken_questions, tmp_path
):
    rows = read_samples(spoken_questions, needed=["id"]).to_pylist()
    for row in rows[:4]:
        row["words"] = None  # too long as speech, and nobody knows where the recording may be cut
    path = tmp_path / "questions.parquet"
    write_samples(type(read_samples(spoken_questions, needed=["id"])).from_pylist(rows), path)
    line = ["eval", checkpoint, path, "--teacher", text_lm, "--max-length", 20, "--device", "cpu"]
    done = shell(*line, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    found = by_condition(tmp_path / "out")
    original, read, heard = (found[c] for c in (("original", "text"), ("checkpoint", "text"), ("checkpoint", "speech")))
    assert (len(original), len(read), len(heard)) == (12, 12, 8)
    figures = {
        (row["metric"], row["figure"], row["group"]): row
        for row in read_rows(tmp_path / "out" / FIGURES_FILE)
        if row["second"] is not None
    }
    for metric, group in product(("acc", "acc_norm"), {"", *(row["domain"] for row in heard.values())}):
        kept = [id_ for id_, row in heard.items() if group in ("", row["domain"])]
        means = [np.mean([float(of[id_][metric]) for id_ in kept]) for of in (original, read, heard)]
        gap, forgetting, misalignment = (figures[metric, name, group] for name in ("gap", "forgetting", "misalignment"))
        assert gap["value"] == pytest.approx(means[0] - means[2])
        assert forgetting["value"] == pytest.approx(means[0] - means[1])
        assert gap["value"] == pytest.approx(forgetting["value"] + misalignment["value"], abs=1e-12)
        assert gap["items"] == forgetting["items"] == misalignment["items"] == len(kept)
        assert [(f["items_first"], f["items_second"]) for f in (gap, forgetting)] == [(12, 8), (12, 12)]
    assert "8 items of 12 and 8" in done.stderr and "8 items of 12 and 12" in done.stderr
    assert "differences are over the 8 items that every condition answered, of up to 12" in done.stderr
    written = json.loads((tmp_path / "out" / "checkpoint" / "results_checkpoint.json").read_text())
    assert written["n-samples"]["questions_gap"] == {"original": 12, "effective": 8}
    assert written["n-samples"]["questions_text"] == {"original": 12, "effective": 12}


@pytest.mark.parametrize("rows, other, possible", [(1, 0, 0), (3, 0, 2), (3, 2, 2), (4, 0, None), (2, 8, None)])
def test_fewer_possible_examples_are_said(shell, checkpoint, world, tmp_path, rows, other, possible):
    """A task of few questions, which are each other's examples, or with others as examples."""
    questions = read_samples(world / "questions.parquet", needed=["text"], optional=None)
    write_samples(questions.slice(0, rows), tmp_path / "few.parquet")
    line = ["eval", checkpoint, tmp_path / "few.parquet", "--num-fewshot", SHOTS, "--modality", "text"]
    if other:
        write_samples(questions.slice(rows, other), tmp_path / "other.parquet")
        line += ["--fewshot", tmp_path / "other.parquet"]
    done = shell(*line, "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    notes = [row for row in done.stderr.splitlines() if "examples are possible" in row]
    if possible is None:
        assert not notes
        return
    assert f"few: {possible} of --num-fewshot {SHOTS} examples are possible" in notes[0]
    assert f"{other or rows} different questions that can be read were found in" in notes[0]
    assert ("never its own example" in notes[0]) == (not other)
    assert {row["shots"] for row in by_condition(tmp_path / "out")["checkpoint", "text"].values()} == {possible}
