"""`eval --by` splits results by columns of the questions; `--also-generate` writes answers beside chosen ones."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from saladkit.errors import SaladError
from saladkit.formats.results import FIGURES_FILE, groups_of, read_predictions, read_rows
from saladkit.model.loading import load_text_model
from saladkit.scoring.question_groups import MOST_GROUPS, add_groups
from saladkit.settings.evaluate import EvalSettings

CELLS = ["near", "far", None]


@pytest.fixture(scope="module")
def grouped(world, tmp_path_factory):
    """The world's questions with a text column, of which some rows have no value, and a boolean one."""
    folder = tmp_path_factory.mktemp("grouped")
    table = pq.read_table(world / "questions.parquet").drop_columns(["cell", "spoken"])
    table = table.append_column("cell", pa.array([CELLS[i % 3] for i in range(len(table))]))
    table = table.append_column("spoken", pa.array([i % 2 == 0 for i in range(len(table))]))
    pq.write_table(table, folder / "questions.parquet")
    return folder / "questions.parquet"


@pytest.fixture(scope="module")
def evaluated(text_lm, grouped, tmp_path_factory):
    from click.testing import CliRunner

    from saladkit.cli import main

    output = tmp_path_factory.mktemp("eval") / "out"
    line = ["eval", text_lm, grouped, "--modality", "text", "--by", "cell", "--by", "spoken", "--also-generate"]
    line += ["--max-new-tokens", 5, "--device", "cpu", "-o", output]
    done = CliRunner().invoke(main, [str(word) for word in line], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return output, json.loads(done.stdout), done.stderr


def test_each_item_has_its_groups_and_each_group_its_figures(evaluated, grouped):
    output, summary, said = evaluated
    rows = {row["id"]: row for row in read_predictions(output)}
    asked = pq.read_table(grouped).to_pylist()
    assert len(rows) == len(asked)
    figures = [figure for figure in read_rows(output / FIGURES_FILE) if figure["metric"] == "acc_norm"]
    assert [f["group"] for f in figures if f["group_kind"] == "spoken"] == ["no", "yes"]
    for cell in ("near", "far"):
        ids = [row["id"] for row in asked if row["cell"] == cell]
        assert [groups_of(rows[id_])["cell"] for id_ in ids] == [cell] * len(ids)
        (figure,) = [f for f in figures if (f["group_kind"], f["group"]) == ("cell", cell)]
        mean = np.mean([rows[id_]["acc_norm"] for id_ in ids])
        assert (figure["value"], figure["items"]) == (pytest.approx(mean), len(ids))
        assert summary["results"]["text-lm"]["questions_text"]["by"]["cell"][cell] == pytest.approx(mean, abs=1e-4)
    without = [row["id"] for row in asked if row["cell"] is None]
    assert all("cell" not in groups_of(rows[id_]) and "spoken" in groups_of(rows[id_]) for id_ in without)
    assert "by cell: far" in said and "the commonest answer of each subject" in said


def test_an_answer_is_written_after_the_prompt_whose_options_are_scored(evaluated, text_lm, tokenizer):
    output, summary, said = evaluated
    rows = read_predictions(output)
    model = load_text_model(text_lm, dtype="float32", device="cpu").eval()
    for row in rows:
        ids = tokenizer(row["text"])["input_ids"]
        length = len(ids)
        with torch.no_grad():
            while len(ids) < length + 5:
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        assert row["response"] == tokenizer.decode(ids[length:], skip_special_tokens=True)
        assert row["acc_written"] == (row["parsed"] == row["answer"])
        assert len(row["log_likelihoods"]) == len(row["choices"]) and row["acc_norm"] is not None
    found = summary["results"]["text-lm"]["questions_text"]
    assert found["acc_written"] == pytest.approx(np.mean([row["acc_written"] for row in rows]), abs=1e-4)
    assert found["unparsed"] == sum(row["parsed"] is None for row in rows)
    assert "writes it" in said
    figures = read_rows(output / FIGURES_FILE)
    assert {figure["metric"] for figure in figures} == {"acc", "acc_norm", "acc_written"}
    listed = json.loads((output / "text-lm" / "samples_questions_text.jsonl").read_text().splitlines()[0])
    assert listed["metrics"] == ["acc", "acc_norm"], "lm-evaluation-harness knows chosen answers alone"


def test_chosen_answers_are_those_without_writing(evaluated, text_lm, grouped, shell, tmp_path):
    done = shell("eval", text_lm, grouped, "--modality", "text", "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    alone = {row["id"]: row for row in read_predictions(tmp_path / "out")}
    for row in read_predictions(evaluated[0]):
        assert row["log_likelihoods"] == alone[row["id"]]["log_likelihoods"]
        assert alone[row["id"]]["response"] is None and alone[row["id"]]["acc_written"] is None
        assert alone[row["id"]]["groups"] == []


def test_spoken_questions_are_written_on_as_well(checkpoint, spoken_questions, text_lm, shell, tmp_path):
    line = ["eval", checkpoint, spoken_questions, "--teacher", text_lm, "--also-generate", "--max-new-tokens", 3]
    done = shell(*line, "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert all(row["response"] is not None for row in read_predictions(tmp_path / "out"))
    compared = json.loads(done.stdout)["compared"]
    pairs = {(row["metric"], row["figure"]) for row in compared}
    assert {("acc_norm", "gap"), ("acc_written", "gap"), ("acc_written", "misalignment")} <= pairs
    assert ", written: original text - checkpoint speech" in done.stderr


def rows_of(values):
    return [{"id": str(number), "cell": value} for number, value in enumerate(values)]


@pytest.mark.parametrize(
    "values, problem",
    [
        ([None, None], "no question of here has a value in a column 'cell'"),
        (["", None], "no question of here has a value"),
        ([1.5, 2.5], "the value 1.5 there, neither a text nor a boolean"),
        ([1, 1], "the value 1 there"),
        ([["a"], ["b"]], "neither a text nor a boolean"),
        ([f"q{number}" for number in range(50)], "has 50 different values there, for 50 questions"),
    ],
)
def test_a_column_that_sorts_nothing_is_refused(values, problem):
    with pytest.raises(SaladError, match=f"--by cell: .*{problem}"):
        add_groups(rows_of(values), "here", ["cell"])


def test_as_many_groups_as_a_table_holds_are_split():
    rows = rows_of([f"g{number % MOST_GROUPS}" for number in range(100)])
    add_groups(rows, "here", ["cell"])
    assert len({groups_of(row)["cell"] for row in rows}) == MOST_GROUPS


@pytest.mark.parametrize("column", ["domain", "speaker", "held_out"])
def test_what_is_always_split_by_is_not_split_by_twice(column):
    with pytest.raises(SaladError, match="always split by it"):
        EvalSettings(by=(column,))


@pytest.mark.parametrize("other", [{"generate": True}, {"voicebench_compatible": "clone"}])
def test_writing_beside_choosing_is_not_writing_instead(other):
    with pytest.raises(SaladError, match="--also-generate scores options"):
        EvalSettings(also_generate=True, **other)


def test_a_missing_column_is_refused_before_a_model_answers(text_lm, grouped, shell, tmp_path):
    done = shell("eval", text_lm, grouped, "--modality", "text", "--by", "kind", "-o", tmp_path / "out")
    assert done.exit_code != 0 and "no question of" in done.stderr and "'kind'" in done.stderr
    assert not (tmp_path / "out").exists()
