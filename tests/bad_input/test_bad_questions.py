"""Multiple-choice questions that cannot be scored."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saladkit.formats.samples import write_samples
from saladkit.sources.samples import read_samples


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"choices": ["one"]}, "fewer than two"),
        ({"choices": ["one", " "]}, "empty choice"),
        ({"answer": 4}, "answer 4 of 4 choices"),
        ({"answer": -1}, "answer -1 of 4 choices"),
    ],
)
def test_questions_that_cannot_be_scored(change, expected, refused, text_lm, world, write_rows, tmp_path):
    rows = pq.read_table(world / "questions.parquet").to_pylist()
    rows[1] |= change
    path = write_rows(tmp_path / "questions.parquet", rows)
    named = [path, f"'{rows[1]['id']}'", expected]
    refused("eval", text_lm, path, "--modality", "text", "--device", "cpu", named=named)


@pytest.mark.parametrize("column, value", [("answer", "B"), ("choices", "one, two"), ("answer", None)])
def test_questions_of_another_shape(column, value, refused, text_lm, world, write_rows, tmp_path):
    rows = [row | {column: value} for row in pq.read_table(world / "questions.parquet").to_pylist()]
    path = write_rows(tmp_path / "questions.parquet", rows)
    refused("eval", text_lm, path, "--modality", "text", "--device", "cpu", named=[path, f"'{rows[0]['id']}'", column])


def test_questions_whose_words_are_not_those_of_their_text(refused, checkpoint, spoken_questions, tmp_path):
    rows = read_samples(spoken_questions, needed=["id"]).to_pylist()
    rows[2]["words"] = rows[2]["words"][:-2]
    path = tmp_path / "questions.parquet"
    write_samples(pa.Table.from_pylist(rows), path)
    refused("eval", checkpoint, path, "--device", "cpu", named=[path, f"'{rows[2]['id']}'"])


def test_speech_input_for_a_text_llm(refused, text_lm, spoken_questions):
    _, fix = refused("eval", text_lm, spoken_questions, named=[text_lm, "without speech input"])
    assert "--modality text" in fix
    refused("gap", text_lm, spoken_questions, "--teacher", text_lm, named=[text_lm, "qwen2"])


def test_two_tasks_of_one_name(refused, text_lm, world, tmp_path):
    shutil.copy(world / "questions.parquet", tmp_path / "questions.parquet")
    line = ["eval", text_lm, world / "questions.parquet", tmp_path / "questions.parquet", "--modality", "text"]
    problem, fix = refused(*line)
    assert "same name" in problem
