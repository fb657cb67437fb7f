"""`select --decontaminate`: short questions, the facts of answers, and an embedder that has changed."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from build_world import DATA
from saladkit.sources.samples import read_samples
from world import read_subject


@pytest.fixture
def asking(tmp_path):
    """Write questions, and return their path."""

    def write(*questions):
        rows = [
            {"id": f"q{n}", "text": text, "choices": choices, "answer": 0}
            for n, (text, *choices) in enumerate(questions)
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "asked.parquet")
        return tmp_path / "asked.parquet"

    return write


@pytest.mark.parametrize("budget", [("--per-region", 3), ("--strategy", "uniform", "--count", 12)])
def test_short_questions_are_kept_out_of_probes_and_selections(budget, select, asking, world, left_out, tmp_path):
    pool = pq.read_table(world / "pool.parquet").to_pylist()
    copied = [(" ".join(row["text"].split()[:length]), "a", "b") for row, length in zip(pool, (4, 5, 7), strict=False)]
    path = asking(*copied, ("Is it?", "yes", "no"))
    chosen, summary = select(*budget, "--decontaminate", path)
    found = left_out(tmp_path / "chosen")
    assert {row["id"] for row in pool[:3]} <= set(found) and not set(found) & {row["id"] for row in chosen}
    assert {row["reason"] for row in found.values()} == {"words of the evaluation"}
    assert summary["decontamination"]["questions"] == 4
    assert summary["decontamination"]["questions_not_looked_for"] == 1
    assert json.loads((tmp_path / "chosen" / "manifest.json").read_text())["counts"]["left_out"] == summary["left_out"]


def test_chosen_texts_with_an_answer_are_counted_or_left_out(shell, world, cut, asking, left_out, tmp_path):
    """The world's own questions ask what no text tells: here all facts about animals are asked."""
    animals = read_subject(DATA / "animals.toml")
    questions = asking(
        *(
            (relation.prompt(animal), value, *list(dict.fromkeys(relation.wrong_values(animal)))[:3])
            for relation in animals.relations
            for animal, value in relation.values.items()
        )
    )
    line = ["select", world / "pool.parquet", "--regions", cut, "--strategy", "uniform", "--count", 8]
    line += ["--decontaminate", questions]
    counted = shell(*line, "-o", tmp_path / "counted")
    assert counted.exit_code == 0, counted.stderr
    found = json.loads(counted.stdout)["decontamination"]["chosen_texts_with_answer"]
    assert 0 < found["texts"] <= 8 and 0 < found["questions"] <= found["texts"]
    assert f"note: {found['texts']} of 8 chosen texts hold the fact that a question asks" in counted.stderr
    rows = {row["id"]: row["text"] for row in read_samples(tmp_path / "counted", needed=["text"]).to_pylist()}
    asked = {row["id"]: row for row in pq.read_table(questions).to_pylist()}
    for held in found["such_as"]:
        question = asked[held["question"].rpartition(":")[2]]
        assert question["choices"][question["answer"]].lower() in rows[held["id"]].lower()
    without = shell(*line[:7], 1, *line[8:], "--decontaminate-answers", "-o", tmp_path / "without")
    reasons = Counter(row["reason"] for row in left_out(tmp_path / "without").values()) if not without.exit_code else {}
    assert reasons["fact of the evaluation"] >= found["texts"], without.stderr
    left = {row["id"] for row in read_samples(tmp_path / "without", needed=["id"]).to_pylist()}
    assert not left & set(left_out(tmp_path / "without"))


def test_a_changed_embedder_is_refused(world, text_lm, other_text_lm, shell, tmp_path):
    import shutil

    shutil.copytree(text_lm, tmp_path / "model")
    pool, cut = world / "pool.parquet", tmp_path / "cut"
    made = ["--embedder", f"lm:{tmp_path / 'model'}", "--clusters", 2, "--device", "cpu"]
    assert shell("regions", pool, *made, "-o", cut).exit_code == 0
    shutil.rmtree(tmp_path / "model")
    shutil.copytree(other_text_lm, tmp_path / "model")
    line = ["select", pool, "--regions", cut, "--strategy", "uniform", "--count", 5, "--decontaminate", pool]
    result = shell(*line, "--decontaminate-cosine", 0.9, "--device", "cpu", "-o", tmp_path / "chosen")
    assert result.exit_code == 2 and "has changed since" in result.stderr
