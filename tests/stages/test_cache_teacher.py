"""Figures that `cache-teacher` reports of its cache: the probability kept, and the KL divergence from the text LLM."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file, save_file

from saladkit.caching import filling, running_teacher
from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.rows.tokens import split_text, tokenize
from saladkit.teacher.encodings import Sampled, TopK, to_rows

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
    compute, computed = running_teacher.encode_texts, []

    def watched(model, texts, *options):
        computed.extend(texts)
        return compute(model, texts, *options)

    monkeypatch.setattr(running_teacher, "encode_texts", watched)
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


def test_rows_too_long_for_the_teacher_are_split_between_words(line, shell, world, tokenizer, tmp_path):
    result = shell(*line, "--max-length", 60)
    assert result.exit_code == 0, result.stderr
    texts = [tokenize(tokenizer, text) for text in pq.read_table(world / "natural.parquet").column("text").to_pylist()]
    long = [text for text in texts if len(text.token_ids) > 60]
    assert 0 < len(long) < len(texts)
    summary = json.loads(result.stdout)
    assert (summary["rows_split"], summary["skipped"]) == (len(long), 0)
    assert f"{len(long)} texts of more than 60 tokens" in result.stderr
    cache = TeacherCache(tmp_path / "cache")
    assert all(cache.has(piece.text.token_ids) for text in texts for piece in split_text(text, 60))
    assert not any(cache.has(text.token_ids) for text in long)


def test_a_row_that_cannot_be_split_is_left_out_and_listed(shell, text_lm, tmp_path):
    rows = [{"id": "whole", "text": "Water boils."}, {"id": "one", "text": "x" * 200}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = ["cache-teacher", tmp_path / "rows.jsonl", "--model", text_lm, "--max-length", 20, "-o", tmp_path / "out"]
    result = shell(*line, "--device", "cpu")
    assert (json.loads(result.stdout)["rows"], json.loads(result.stdout)["skipped"]) == (1, 1)
    (skipped,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    assert skipped["id"] == "one"
    assert "over --max-length" in skipped["reason"]


def shares(row, vocabulary=400):
    """Return the share of the draws that each token has, [p, V]."""
    shares = np.zeros((len(row.distinct), vocabulary))
    shares[np.repeat(np.arange(len(row.distinct)), row.distinct), row.kept_ids] = row.counts
    return shares / shares.sum(axis=1, keepdims=True)


def test_a_sampled_cache_does_not_depend_on_batches_or_what_was_reused(
    line, shell, contents, world, tokenizer, tmp_path
):
    sampled = [*line[:-2], "--keep", "sampled", "--draws", 200]
    summary = json.loads(shell(*sampled, "-o", tmp_path / "one").stdout)
    assert 1 < summary["distinct_tokens"] < 200
    first = contents(tmp_path / "one")
    part = next(name for name in first if name.endswith(".safetensors"))
    shell(*sampled, "--limit", 9, "-o", tmp_path / "few")
    for name, options in (("single", ["--batch-tokens", 1]), ("again", ["--reuse", tmp_path / "few"])):
        assert shell(*sampled, *options, "-o", tmp_path / name).exit_code == 0
        drawn, expected = (TeacherCache(tmp_path / folder) for folder in (name, "one"))
        for text in pq.read_table(world / "natural.parquet").column("text").to_pylist():
            found, alone = (cache.row(tokenize(tokenizer, text).token_ids) for cache in (drawn, expected))
            # Other batches add up in another order, which moves a draw in a thousand to the token beside it.
            assert np.abs(shares(found) - shares(alone)).sum() < 1e-2 * len(found.distinct)
            assert found.label_log_probs == pytest.approx(alone.label_log_probs, abs=4e-3)
    shell(*sampled, "--seed", 1, "-o", tmp_path / "other")
    assert contents(tmp_path / "other")[part] != first[part]


def test_a_sampled_cache_is_verified_by_the_mean_of_its_draws(line, shell):
    found = verified(shell, [*line, "--keep", "sampled"])
    assert abs(found["kl_mean"]) < 4 * found["kl_standard_error"] < 0.2
    assert found["label_off"] < 4e-3  # float16


def test_a_dry_run_says_how_large_and_how_long(line, shell, tmp_path):
    for options in (["--keep", "top-k"], ["--keep", "sampled"]):
        plan = json.loads(shell(*line, *options, "--dry-run").stdout)
        done = json.loads(shell(*line, *options, "-o", tmp_path / options[1]).stdout)
        assert plan["positions"] == done["positions"]
        assert plan["bytes"] == pytest.approx(done["bytes_per_position"] * done["positions"], rel=0.15)
        assert 0 < plan["predicted_seconds"] < 60


def test_a_cache_at_another_temperature_is_verified_and_kept_apart(line, shell, tmp_path):
    assert verified(shell, [*line, "--temperature", 2])["kl_max"] < 1e-5
    result = shell(*line, "--reuse", tmp_path / "cache", "-o", tmp_path / "other")
    assert result.exit_code == 2
    assert "temperature" in result.stderr


def test_errors_while_writing_are_raised(line, shell, monkeypatch):
    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr(filling, "write_cache_part", broken)
    with pytest.raises(OSError, match="no space left"):
        shell(*line)


def test_a_text_of_one_token_has_a_position_behind_it(shell, text_lm, tokenizer, tmp_path):
    rows = [{"id": "one", "text": "x"}, {"id": "two", "text": "Water boils."}]
    assert len(tokenize(tokenizer, "x").token_ids) == 1
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = ["cache-teacher", tmp_path / "rows.jsonl", "--model", text_lm, "--batch-tokens", 1, "--device", "cpu"]
    for keep in ("top-k", "sampled"):
        for further in (["--dry-run"], ["--verify", 5]):
            result = shell(*line, "--keep", keep, *further, "-o", tmp_path / keep)
            assert result.exit_code == 0, result.stderr
            assert json.loads(result.stdout)["rows"] == 2
        cache = TeacherCache(tmp_path / keep)
        for text in ("x", "Water boils."):
            ids = tokenize(tokenizer, text).token_ids
            (stored,) = {len(row) for name, row in vars(cache.row(ids)).items() if name in ("distinct", "log_tail")}
            assert stored == len(ids)


@pytest.mark.parametrize("keep", ["top-k", "sampled"])
def test_a_teacher_whose_values_are_not_numbers_is_refused(keep, shell, world, text_lm, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(text_lm, broken)
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if "down_proj" in name)
    weights[name][:] = np.nan
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    line = ["cache-teacher", world / "natural.parquet", "--model", broken, "--keep", keep, "--device", "cpu"]
    result = shell(*line, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "not finite" in result.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("encoding", [TopK(2, 1.0), Sampled(4, 1.0)])
def test_a_logit_beyond_the_floats_range_is_refused(encoding):
    logits, labels = torch.tensor([[0.0, torch.inf, 1.0]]), torch.tensor([0])
    with pytest.raises(SaladError, match="not finite"):
        to_rows(encoding.encode(logits, labels, torch.tensor([0.5])), encoding, [1])
