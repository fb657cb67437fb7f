"""`select`: texts that should not be spoken, near duplicates, and a pool whose columns `select` would overwrite."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from region_tables import cut_pool

from saladkit.sources.samples import read_samples


@pytest.fixture(scope="module")
def strange_pool(world, tmp_path_factory):
    """The pool with texts that should not be spoken; beside it asked.parquet, a question that one of them holds."""
    folder = tmp_path_factory.mktemp("strange")
    rows = pq.read_table(world / "pool.parquet").to_pylist()
    question = "Which of the old towers by the river was it that the mason of the king built first of all?"
    strange = {
        "link": "See https://example.org for more about it.",
        "code": "for (i = 0; i < n; i++) {\n  add(i);\n}",
        "short": "Too short.",
        "long": "word " * 300,
        "question": f"He asked: {question} Nobody knew.",
        "twin": rows[0]["text"],
    }
    rows += [{"id": id_, "text": text, "domain": "strange"} for id_, text in strange.items()]
    pq.write_table(pa.Table.from_pylist(rows), folder / "strange.parquet")
    asked = [{"id": "q7", "text": question, "choices": ["A", "B"], "answer": 0}]
    pq.write_table(pa.Table.from_pylist(asked), folder / "asked.parquet")
    return folder / "strange.parquet"


@pytest.fixture(scope="module")
def strange_regions(strange_pool, text_lm):
    return cut_pool(strange_pool, text_lm, strange_pool.with_name("strange-regions"))


def test_texts_left_out_are_listed_with_their_reason(strange_pool, strange_regions, left_out, shell, tmp_path):
    asked = strange_pool.with_name("asked.parquet")
    line = ["select", strange_pool, "--regions", strange_regions, "--strategy", "uniform", "--count", 60]
    filters = ["--min-words", 3, "--max-words", 200, "--near-duplicate", 0.999, "--decontaminate", asked]
    result = shell(*line, *filters, "-o", tmp_path / "kept")
    assert result.exit_code == 0, result.stderr
    listed = left_out(tmp_path / "kept")
    chosen = {row["id"] for row in read_samples(tmp_path / "kept", needed=["id"]).to_pylist()}
    assert len(chosen) == 60 and not chosen & set(listed)
    assert listed["link"]["reason"] == listed["code"]["reason"] == "not speakable"
    assert (listed["link"]["detail"], listed["code"]["detail"]) == ("link", "code")
    assert listed["short"] == {"id": "short", "reason": "too short", "detail": "2 words"}
    assert listed["long"]["detail"] == "300 words"
    assert listed["question"] == {"id": "question", "reason": "words of the evaluation", "detail": f"{asked}:q7"}
    twins = {"twin", pq.read_table(strange_pool).column("id")[0].as_py()}
    assert len(twins & set(listed)) == len(twins & chosen) == 1  # whichever was drawn first stays
    counts = json.loads(result.stdout)["left_out"]
    assert counts == Counter(row["reason"] for row in listed.values())

    everything = shell(*line[:-1], 66, "--any-text", "-o", tmp_path / "everything")
    assert everything.exit_code == 0 and (tmp_path / "everything" / "left-out.jsonl").read_text() == ""


def test_a_dry_run_tells_what_may_be_chosen(strange_pool, strange_regions, shell, tmp_path):
    line = ["select", strange_pool, "--regions", strange_regions, "--strategy", "uniform", "--count", 60]
    plan = json.loads(shell(*line, "--min-words", 3, "--dry-run", "-o", tmp_path / "plan").stdout)
    assert plan["candidates"] == 63 and plan["left_out"] == {"not speakable": 2, "too short": 1}
    assert not (tmp_path / "plan").exists()


def test_later_rounds_draw_no_near_duplicates_of_earlier_ones(strange_pool, text_lm, shell, tmp_path):
    rows = pq.read_table(strange_pool).to_pylist()
    twins = [row | {"id": f"{row['id']}-again"} for row in rows[:20]]
    pq.write_table(pa.Table.from_pylist(rows[:20] + twins), tmp_path / "twice.parquet")
    pool, cut = tmp_path / "twice.parquet", tmp_path / "twice-regions"
    assert (
        shell("regions", pool, "--embedder", f"lm:{text_lm}", "--clusters", 2, "--device", "cpu", "-o", cut).exit_code
        == 0
    )
    line = ["select", pool, "--regions", cut, "--strategy", "uniform", "--count", 8, "--near-duplicate", 1]
    assert shell(*line, "-o", tmp_path / "round-1").exit_code == 0
    assert shell(*line, "--exclude", tmp_path / "round-1", "-o", tmp_path / "round-2").exit_code == 0
    texts = [
        {row["text"] for row in read_samples(tmp_path / name, needed=["id", "text"]).to_pylist()}
        for name in ("round-1", "round-2")
    ]
    assert len(texts[0]) == len(texts[1]) == 8 and not texts[0] & texts[1]


def test_texts_near_a_question_are_left_out(strange_pool, strange_regions, shell, tmp_path):
    row = pq.read_table(strange_pool).to_pylist()[3]
    near = [{"id": "near", "text": row["text"].rstrip(".") + " indeed."}]
    pq.write_table(pa.Table.from_pylist(near), tmp_path / "near.parquet")
    line = ["select", strange_pool, "--regions", strange_regions, "--strategy", "uniform", "--count", 40]
    filters = ["--decontaminate", tmp_path / "near.parquet", "--ngram", 400, "--decontaminate-cosine", 0.95]
    result = shell(*line, *filters, "-o", tmp_path / "kept", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    listed = [json.loads(line) for line in (tmp_path / "kept" / "left-out.jsonl").read_text().splitlines()]
    found = {row["id"]: row["detail"] for row in listed if row["reason"] == "near the evaluation"}
    assert found[row["id"]] == f"{tmp_path / 'near.parquet'}:near"


def test_a_column_of_the_pool_that_select_would_write_is_not_overwritten(shell, world, cut, tmp_path):
    table = pq.read_table(world / "pool.parquet")
    pq.write_table(table.append_column("draw", pa.array([0.5] * table.num_rows)), tmp_path / "own.parquet")
    line = ["select", tmp_path / "own.parquet", "--regions", cut, "--strategy", "uniform"]
    result = shell(*line, "--count", 5, "-o", tmp_path / "chosen")
    assert result.exit_code == 2 and "'draw'" in result.stderr
    assert not (tmp_path / "chosen").exists()
