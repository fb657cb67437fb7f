"""Rows of training that contain evaluation questions are left out, counted and listed, whatever they are read for."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saladkit.errors import SaladError
from saladkit.rows.training_sources import open_text
from saladkit.settings.distill import DistillSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.samples import read_samples
from saladkit.training.decontamination import count_contaminated, without_questions


def questions(path, texts):
    rows = [{"id": f"q{n}", "text": text, "choices": ["yes", "no"], "answer": 0} for n, text in enumerate(texts)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def first_words(row, count):
    return " ".join(row["text"].split()[:count])


def test_data_and_replay_lose_their_rows_with_questions(shell, distill_arguments, speech, world, tmp_path):
    spoken = read_samples(speech, needed=["id", "text"]).to_pylist()
    read = read_samples(world / "pool.parquet", needed=["id", "text"]).to_pylist()
    asked = [first_words(spoken[2], 5), first_words(spoken[5], 9), first_words(read[7], 6), "Is it?"]
    line = [*distill_arguments, "--decontaminate", questions(tmp_path / "q.parquet", asked)]
    whole = {row["id"] for row in [*spoken, *read] if any(text in row["text"] for text in asked[:3])}
    done = shell(*line, "-o", tmp_path / "output")
    assert done.exit_code == 0, done.stderr
    manifest = json.loads((tmp_path / "output" / "manifest.json").read_text())
    left_out = {row["id"]: row["reason"] for row in manifest["skipped"]}
    assert whole <= set(left_out) and {spoken[2]["id"], spoken[5]["id"], read[7]["id"]} <= whole
    assert left_out[spoken[2]["id"]] == f"words of the evaluation: {tmp_path / 'q.parquet'}:q0"
    summary = json.loads(done.stdout)
    assert summary["rows_with_questions"] == manifest["counts"]["rows_with_questions"] == len(left_out)
    assert manifest["inputs"]["decontaminate 0"]["path"] == str(tmp_path / "q.parquet")
    assert f"rows of {speech} contain evaluation questions" in done.stderr
    assert "1 of 4 questions are not looked for" in done.stderr
    plan = shell(*line[:-2], "--dry-run", "-o", tmp_path / "plan")
    kept = json.loads(shell(*line, "--dry-run", "-o", tmp_path / "plan").stdout)["rows"]
    assert sum(json.loads(plan.stdout)["rows"].values()) - sum(kept.values()) == len(left_out)
    changed = shell(*line, "--decontaminate", questions(tmp_path / "more.parquet", ["a"]), "-o", tmp_path / "output")
    assert changed.exit_code == 2 and "changed: input decontaminate 1" in changed.stderr


@pytest.fixture
def documents(tokenizer, tmp_path):
    """Three texts, of which the middle one and the last are split into pieces."""
    texts = ["short one", "one two three four five six seven eight " * 4, "nine ten eleven twelve " * 8]
    rows = [{"id": str(n), "text": text} for n, text in enumerate(texts)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "documents.parquet")
    return open_text(WeightedPath(str(tmp_path / "documents.parquet")), tokenizer, max_length=24)


def settings(*asked):
    return DistillSettings(data=("x",), max_steps=1, warmup_steps=0, decontaminate=tuple(map(str, asked)))


def test_a_question_across_a_cut_costs_all_pieces_of_its_row(documents, tmp_path):
    assert documents.split == 2
    found = questions(tmp_path / "q.parquet", ["seven eight one two three"])
    (cleaned,) = without_questions([documents], settings(found))
    assert set(documents.ids) == {"0", "1", "2"} and set(cleaned.ids) == {"0", "2"}
    assert [id_ for id_, _ in cleaned.left_out] == ["1"] and count_contaminated(cleaned) == 1
    assert cleaned.split == 1 and len(cleaned.texts) == len(cleaned.ids)
    kept = [text for id_, text in zip(documents.ids, documents.texts, strict=True) if id_ != "1"]
    assert all(one is other for one, other in zip(cleaned.texts, kept, strict=True))
    assert without_questions([documents], settings()) == [documents]


def test_a_source_of_questions_alone_is_refused(documents, tmp_path):
    wordings = ["seven eight one two three", "eleven twelve nine ten"]
    path = questions(tmp_path / "q.parquet", wordings)
    (cleaned,) = without_questions([documents], settings(path))
    assert cleaned.ids == ["0"]
    only = questions(tmp_path / "documents-as-questions.parquet", ["short one is this"])
    rows = [{"id": "0", "text": "Short one is this?"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "documents.parquet")
    with pytest.raises(SaladError, match="every row of .* contains a question.*q0"):
        without_questions([replace(documents, ids=["0"], texts=documents.texts[:1])], settings(only))


@pytest.mark.parametrize("turn", range(4))
def test_a_question_in_any_turn_of_a_conversation_counts(turn, tokenizer, tmp_path):
    """The tokens do not matter here: the rows are opened as plain texts with the same ids."""
    asked = "Which of the moons is the largest?"
    roles = ("system", "user", "assistant", "user")
    turns = [{"role": role, "content": asked if at == turn else f"turn {at}"} for at, role in enumerate(roles)]
    other = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    rows = [{"id": "a", "messages": turns}, {"id": "b", "messages": other}]
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps({"id": row["id"], "text": "plain words"}) + "\n" for row in rows))
    source = open_text(WeightedPath(str(path)), tokenizer)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (cleaned,) = without_questions([source], settings(questions(tmp_path / "q.parquet", [asked])))
    assert cleaned.ids == ["b"]
