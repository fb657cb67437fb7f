"""What `cache-teacher` says of its own cache: the mass that it kept, and how far it lies from the text LLM."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from saladkit.formats.artefact import Artefact

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


def test_a_cache_of_other_probabilities_is_found_out(line, shell, tmp_path):
    assert verified(shell, line)["kl_mean"] < 1e-5
    part = Artefact.open(tmp_path / "cache", "teacher-cache").parts(".safetensors")[0]
    tensors = load_file(part)
    tensors["kept_logprobs"] = tensors["kept_logprobs"] + np.float16(1.5)
    save_file(tensors, part)
    assert verified(shell, line)["kl_mean"] > 1e-3
