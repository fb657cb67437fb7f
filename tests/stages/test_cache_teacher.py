"""What `cache-teacher` says of its own cache: the mass that it kept, and how far it lies from the text LLM."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from saladkit.formats.artefact import Artefact
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.text import tokenize
from saladkit.stages import cache_teacher as stage

TOP_K = 6


@pytest.fixture
def line(world, text_lm, tmp_path):
    """A cache of 24 texts."""
    options = ["--model", text_lm, "--top-k", TOP_K, "--device", "cpu"]
    return ["cache-teacher", world / "natural.parquet", *options, "-o", tmp_path / "cache"]


def verified(shell, line, *options):
    result = shell(*line, "--verify", 10, *options)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["verified"]


def test_the_kept_mass_is_that_of_the_kept_tokens(line, shell, tmp_path):
    summary = json.loads(shell(*line).stdout)
    tensors = load_file(Artefact.open(tmp_path / "cache", "teacher-cache").parts(".safetensors")[0])
    mass = np.exp(tensors["kept_logprobs"].astype(np.float64)).sum(axis=1)
    assert tensors["kept_logprobs"].shape[1] == TOP_K
    assert 0.01 < summary["kept_mass"] < 0.999  # the tests' text LLM is unsure of nearly everything
    assert summary["kept_mass"] == pytest.approx(mass.mean(), rel=2e-3)  # kept in float16
    assert json.loads((tmp_path / "cache" / "manifest.json").read_text())["counts"]["kept_mass"] == summary["kept_mass"]


def test_a_cache_lies_as_far_from_its_teacher_as_float16(line, shell, contents, tmp_path):
    found = verified(shell, line)
    assert found["texts"] == 10
    assert found["positions"] > 100
    assert 0 <= found["kl_mean"] <= found["kl_max"] < 1e-5
    before = contents(tmp_path / "cache")
    assert verified(shell, line) == found
    assert verified(shell, line, "--seed", 1) != found
    assert contents(tmp_path / "cache") == before


def test_a_larger_cache_computes_only_what_is_missing(line, shell, world, tokenizer, monkeypatch, tmp_path):
    assert shell(*line).exit_code == 0
    wider = [*line[:2], world / "pool.parquet", *line[2:]]
    assert shell(*wider, "-o", tmp_path / "whole").exit_code == 0
    compute, computed = stage._distributions, []

    def watched(model, texts, *options):
        computed.extend(texts)
        return compute(model, texts, *options)

    monkeypatch.setattr(stage, "_distributions", watched)
    result = shell(*wider, "--reuse", tmp_path / "cache", "-o", tmp_path / "larger", "--verify", 84)
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert (summary["rows"], summary["reused"], len(computed)) == (84, 24, 60)
    assert summary["verified"]["kl_max"] < 1e-5
    first, larger, whole = (TeacherCache(tmp_path / name) for name in ("cache", "larger", "whole"))
    for path in (world / "natural.parquet", world / "pool.parquet"):
        for text in pq.read_table(path).column("text").to_pylist():
            tokens = tokenize(tokenizer, text).token_ids
            found, expected = larger.row(tokens), whole.row(tokens)
            assert found.log_tail == pytest.approx(expected.log_tail, abs=1e-4)
            if first.has(tokens):
                assert np.array_equal(found.kept_ids, first.row(tokens).kept_ids)
                assert np.array_equal(found.kept_log_probs, first.row(tokens).kept_log_probs)


def test_a_cache_of_another_teacher_is_not_reused(line, shell, other_text_lm, tmp_path):
    assert shell(*line).exit_code == 0
    other = [*line[:2], "--model", other_text_lm, "--top-k", TOP_K, "--reuse", tmp_path / "cache"]
    result = shell(*other, "--device", "cpu", "-o", tmp_path / "other")
    assert result.exit_code == 2
    assert "another teacher" in result.stderr
    assert "model, tokenizer" in result.stderr
    result = shell(*line, "--top-k", 5, "--reuse", tmp_path / "cache", "-o", tmp_path / "other")
    assert result.exit_code == 2
    assert "top_k" in result.stderr


def test_a_cache_of_other_probabilities_is_found_out(line, shell, tmp_path):
    assert verified(shell, line)["kl_mean"] < 1e-5
    part = Artefact.open(tmp_path / "cache", "teacher-cache").parts(".safetensors")[0]
    tensors = load_file(part)
    tensors["kept_logprobs"] = tensors["kept_logprobs"] + np.float16(1.5)
    save_file(tensors, part)
    assert verified(shell, line)["kl_mean"] > 1e-3
