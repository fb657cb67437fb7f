"""Regions, gaps and budgets that do not fit each other."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.gap_table import SCHEMA, VERSION, write_gap_table
from saladkit.sources.samples import read_samples


def gap_table(folder, regions):
    """A gap table with a figure for each of some regions."""
    writer = create_artefact(folder, schema=SCHEMA, version=VERSION, verb="test", settings={}, inputs={})
    figures = {"kind": "region", "probes": 1, "teacher_kl_shrunk": 1.0, "misalignment_shrunk": 0.0}
    write_gap_table(writer, [], [figures | {"region": region} for region in regions])
    writer.finish(counts={})
    return folder


def table_with_errors(folder, error, probes=4, between=1.0):
    """A gap table of four regions, with the sampling error of log M; their shrunk means are equal if `between` is 0."""
    writer = create_artefact(folder, schema=SCHEMA, version=VERSION, verb="test", settings={}, inputs={})
    row = {"kind": "region", "probes": probes, "teacher_kl_error": error}
    groups = [
        row | {"region": region, "teacher_kl_shrunk": 0.1 * (1.3**region if between else 1)} for region in range(4)
    ]
    reliability = between / (between + error**2)
    spread = {"kind": "region", "metric": "teacher_kl", "log": True, "between": between, "reliability": reliability}
    write_gap_table(writer, [], groups, [spread])
    writer.finish(counts={})
    return folder


def test_too_few_probes_for_gamma(refused, shell, world, regions, tmp_path):
    gap = table_with_errors(tmp_path / "gap", error=1.2)
    line = ["select", world / "pool.parquet", "--regions", regions, "--count", 3, "--gap", gap]
    for strategy, gamma in (("active", 5), ("active", 3), ("hybrid", 9)):
        problem, fix = refused(*line, "--gamma", gamma, "--strategy", strategy, named=["4 probes", f"--gamma {gamma}"])
        assert "--max-noise 0.33" in problem and "--per-region" in fix
        assert int(fix.split("about ")[1].split()[0]) > 4
    refused(*line, "--gamma", 5, "--dry-run")  # before any work
    _, fix = refused(*line, "--gamma", 5, "--max-noise", 0)
    assert "no number of probes is enough" in fix
    for allowed in (["--gamma", 0.3], ["--gamma", 5, "--max-noise", 1], ["--gamma", 0], ["--strategy", "uniform"]):
        done = shell(*line, *allowed, "--dry-run", "-o", tmp_path / "dry")
        assert done.exit_code == 0, done.stderr


def test_probes_that_tell_little_are_noted(shell, world, regions, tmp_path):
    line = ["select", world / "pool.parquet", "--regions", regions, "--count", 3, "--gamma", 1]
    for error, noted in ((1.0, True), (0.3, False)):
        gap = table_with_errors(tmp_path / f"gap-{error}", error=error)
        done = shell(*line, "--gap", gap, "-o", tmp_path / f"chosen-{error}")
        assert done.exit_code == 0 and ("note: the reliability" in done.stderr) == noted
        assert "has no effect" not in done.stderr
        summary = json.loads(done.stdout)
        assert summary["reliability"] == pytest.approx(1 / (1 + error**2), abs=1e-4) and 0 < summary["misplaced"] < 0.33
    equal = table_with_errors(tmp_path / "equal", error=0.5, between=0.0)
    uniform = {
        name: shell(*line, "--gap", equal, *further, "-o", tmp_path / name)
        for name, further in {"active": [], "gamma": ["--gamma", 7], "uniform": ["--strategy", "uniform"]}.items()
    }
    for name, done in uniform.items():
        assert done.exit_code == 0, done.stderr
        notes = [row for row in done.stderr.splitlines() if "no more than by sampling error" in row]
        assert len(notes) == (name != "uniform")
        assert all("--gamma has no effect" in row and "--strategy uniform or coverage" in row for row in notes)
    unknown = shell(*line, "--gap", gap_table(tmp_path / "unknown", range(4)), "-o", tmp_path / "chosen")
    assert unknown.exit_code == 0 and "is unknown" in unknown.stderr


@pytest.mark.parametrize("budgets", [[], ["--count", 3, "--hours", 1], ["--count", 3, "--per-region", 1]])
def test_a_budget_that_is_not_clear(budgets, refused, world, regions, tmp_path):
    problem, fix = refused("select", world / "pool.parquet", "--regions", regions, "--strategy", "uniform", *budgets)
    assert "budget" in problem
    assert all(option in fix for option in ("--per-region", "--count", "--hours"))


def test_a_gap_that_lacks_a_region(refused, world, regions, tmp_path):
    gap = gap_table(tmp_path / "gap", [0, 1, 3])
    line = ["select", world / "pool.parquet", "--regions", regions, "--count", 3]
    refused(*line, "--gap", gap, named=[gap, "region 2"])
    refused(*line, named=["no gap table"])
    without = gap_table(tmp_path / "without", [])
    refused(*line, "--gap", without, named=[without, "region 0"])


def test_gaps_that_are_zero_everywhere(refused, world, regions, tmp_path):
    gap = gap_table(tmp_path / "gap", range(4))
    line = ["select", world / "pool.parquet", "--regions", regions, "--count", 3, "--gap", gap]
    refused(*line, "--metric", "misalignment", named=[gap])


def test_a_budget_larger_than_the_pool(refused, world, regions):
    refused(
        "select",
        *[world / "pool.parquet", "--regions", regions, "--strategy", "uniform", "--count", 61],
        named=["too few texts"],
    )


def test_regions_of_another_pool(refused, world, regions):
    named = [regions, world / "natural.parquet", "'natural-000000'"]
    refused(
        "select", world / "natural.parquet", "--regions", regions, "--count", 1, "--strategy", "uniform", named=named
    )


def test_more_clusters_than_texts(refused, world, text_lm):
    pool = world / "pool.parquet"
    refused("regions", pool, "--embedder", f"lm:{text_lm}", "--clusters", 61, named=[pool, "60 different texts", "61"])


def test_probes_of_another_pool_than_the_regions(refused, checkpoint, speech, text_lm, regions):
    first = read_samples(speech, needed=["id"], optional=[]).column("id").to_pylist()[0]
    refused("gap", checkpoint, speech, "--teacher", text_lm, "--regions", regions, named=[regions, first])


def line_of(world, regions, *arguments):
    return ["select", world / "pool.parquet", "--regions", regions, *arguments]


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("--strategy", "knn", "--count", 3), "no gap table"),
        (("--strategy", "hybrid", "--count", 3), "no gap table"),
        (
            ("--metric", "progress", "--count", 3, "--gap", "late"),
            "--metric progress needs the gap table of an earlier",
        ),
        (("--gap-before", "early", "--count", 3, "--gap", "late"), "--gap-before has no effect"),
        (("--gap-before", "early", "--count", 3, "--metric", "progress", "--gamma", 0), "--gap-before has no effect"),
        (("--gap-before", "early", "--per-region", 3, "--metric", "progress", "--gap", "late"), "--gap-before has no"),
        (
            ("--gap-before", "x", "--count", 3, "--gap", "y", "--metric", "progress", "--strategy", "uniform"),
            "--gap-before has no effect",
        ),
        (("--strategy", "dsir", "--count", 3), "needs --target"),
        (("--strategy", "coverage", "--count", 3), "distance to speech"),
        (("--strategy", "uniform", "--tokens", 3), "need each other"),
        (("--strategy", "uniform", "--count", 3, "--tokenizer", "x"), "need each other"),
        (("--strategy", "uniform", "--count", 3, "--target", "x"), "does not use --target"),
        (("--per-region", 3, "--near-duplicate", 0.9), "not for probes"),
        (("--strategy", "uniform", "--count", 3, "--decontaminate-cosine", 0.9), "no questions"),
        (("--strategy", "uniform", "--count", 50, "--near-duplicate", 0.01), "near duplicates"),
        (("--strategy", "uniform", "--count", 3, "--min-words", 900), "no text has weight"),
        (("--strategy", "uniform", "--count", 3, "--decontaminate", "nothing.parquet"), "nothing.parquet"),
    ],
)
def test_a_strategy_or_a_filter_that_lacks_something(arguments, problem, refused, world, regions, tmp_path):
    refused(*line_of(world, regions, *arguments), named=[problem])
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("option", ["--gamma", "--bonus", "--hours", "--near-duplicate", "--words-per-second"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_values_that_are_not_valid_numbers(option, value, shell, world, regions, tmp_path):
    result = shell(*line_of(world, regions, "--strategy", "uniform", "--count", 3, option, value, "-o", tmp_path / "o"))
    assert result.exit_code == 2 and option in result.stderr
    assert not (tmp_path / "o").exists()


def test_a_figure_that_is_not_finite(refused, world, regions, tmp_path):
    for value in (float("nan"), float("inf")):
        writer = create_artefact(
            tmp_path / f"gap-{value}", schema=SCHEMA, version=VERSION, verb="test", settings={}, inputs={}
        )
        groups = [{"kind": "region", "probes": 1, "region": r, "teacher_kl_shrunk": value} for r in range(4)]
        write_gap_table(writer, [], groups)
        writer.finish(counts={})
        refused(*line_of(world, regions, "--count", 3, "--gap", tmp_path / f"gap-{value}"), named=["not finite"])


def test_a_gap_table_of_other_regions(refused, world, regions, text_lm, tmp_path):
    writer = create_artefact(
        tmp_path / "gap", schema=SCHEMA, version=VERSION, verb="test", settings={}, inputs={"regions": str(world)}
    )
    write_gap_table(writer, [], [{"kind": "region", "probes": 1, "region": 0, "teacher_kl_shrunk": 1.0}])
    writer.finish(counts={})
    refused(*line_of(world, regions, "--count", 3, "--gap", tmp_path / "gap"), named=[tmp_path / "gap", world])


def test_probes_that_are_in_no_region(refused, world, regions, tmp_path):
    gap = gap_table(tmp_path / "gap", range(4))
    refused(*line_of(world, regions, "--strategy", "knn", "--count", 3, "--gap", gap), named=[gap, "too few"])


def test_speech_of_no_duration(refused, world, regions, write_rows, tmp_path):
    rows = [{"id": "a", "text": "one two", "duration": 0.0}]
    path = write_rows(tmp_path / "still.parquet", rows)
    for budget in (("--fraction-of", path, 0.5), ("--hours", 1, "--rate-from", path)):
        refused(*line_of(world, regions, "--strategy", "uniform", *budget), named=[path, "duration"])


def test_identical_and_empty_texts(refused, write_rows, text_lm, tmp_path):
    same = write_rows(tmp_path / "same.parquet", [{"id": str(i), "text": "The same."} for i in range(9)])
    line = ["--embedder", f"lm:{text_lm}", "--clusters", 2, "--device", "cpu"]
    refused("regions", same, *line, named=[same, "1 different texts"])
    empty = write_rows(tmp_path / "empty.parquet", [{"id": "a", "text": "One."}, {"id": "b", "text": " \n"}])
    refused("regions", empty, *line, named=[empty, "'b'"])


def test_a_text_without_an_embedding(refused, write_rows, tmp_path):
    """Static embeddings know no word of it."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "moon": 2, "sea": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    StaticModel(np.eye(4, dtype=np.float32), tokenizer, config={}).save_pretrained(tmp_path / "static")
    pool = write_rows(tmp_path / "pool.parquet", [{"id": t, "text": t} for t in ("moon", "sea", "moon sea", "zzz")])
    line = ["regions", pool, "--embedder", tmp_path / "static", "--clusters", 2, "--device", "cpu"]
    _, fix = refused(*line, named=["'zzz'", "zero"])
    assert "Take the text out" in fix


def test_an_embedding_that_is_not_a_number(refused, world, text_lm, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(text_lm, tmp_path / "broken")
    weights = load_file(tmp_path / "broken" / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, tmp_path / "broken" / "model.safetensors", metadata={"format": "pt"})
    line = ["--embedder", f"lm:{tmp_path / 'broken'}", "--clusters", 2, "--device", "cpu"]
    refused("regions", world / "pool.parquet", *line, named=["not finite"])
    assert not (tmp_path / "output").exists()


def test_embeddings_of_another_model(refused, world, regions, other_text_lm, tmp_path):
    line = ["regions", world / "pool.parquet", "--clusters", 2, "--device", "cpu", "--reuse", regions]
    refused(*line, "--embedder", f"lm:{other_text_lm}", named=[regions, other_text_lm])


@pytest.mark.parametrize("further", [("--decontaminate-answers",), ("--decontaminate-cosine", 0.9)])
def test_comparisons_with_questions_that_are_not_given(further, refused, world, regions):
    problem, fix = refused(*line_of(world, regions, "--strategy", "uniform", "--count", 1, *further))
    assert further[0] in problem and "--decontaminate" in fix


def test_answers_that_no_question_has(refused, world, regions, tmp_path):
    pq.write_table(pq.read_table(world / "questions.parquet").select(["id", "text"]), tmp_path / "asked.parquet")
    further = ["--decontaminate", tmp_path / "asked.parquet", "--decontaminate-answers"]
    problem, fix = refused(*line_of(world, regions, "--strategy", "uniform", "--count", 1, *further))
    assert "knows the fact of no question" in problem and "reference" in fix
