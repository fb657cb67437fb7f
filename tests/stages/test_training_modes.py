"""Training options that change time and memory, but hardly the result."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import TrainerCallback, TrainingArguments
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.trainer import DEFAULT_CALLBACKS

from saladkit.training import loop as training


@pytest.fixture
def trained(shell, distill_arguments, tmp_path):
    """Run `distill_arguments` and more; the output folder."""

    def run(*more):
        result = shell(*distill_arguments, *more, "-o", tmp_path / "output")
        assert result.exit_code == 0, result.stderr
        return tmp_path / "output"

    return run


def largest_difference(one, other):
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    return max(np.abs(first[name] - second[name]).max() for name in first)


def losses(folder):
    return np.array([json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()])


def test_layers_that_run_again_give_the_same_weights(trained, checkpoint, monkeypatch):
    calls = []
    whole = GradientCheckpointingLayer.__call__

    def counted(layer, *arguments, **settings):
        calls.append(layer.gradient_checkpointing and layer.training)
        return whole(layer, *arguments, **settings)

    monkeypatch.setattr(GradientCheckpointingLayer, "__call__", counted)
    folder = trained("--gradient-checkpointing")
    assert any(calls)
    assert largest_difference(folder, checkpoint) <= 1e-6
    np.testing.assert_allclose(losses(folder), losses(checkpoint), rtol=0, atol=1e-6)


@pytest.mark.parametrize("save", ["full", "trained"])
def test_layers_that_run_again_give_the_same_weights_with_lora(save, shell, distill_arguments, tmp_path):
    lora = ["--lora-rank", 3, "--learning-rate", 1e-2, "--save", save]
    for name, more in (("plain", []), ("again", ["--gradient-checkpointing"])):
        result = shell(*distill_arguments, *lora, *more, "-o", tmp_path / name)
        assert result.exit_code == 0, result.stderr
    assert largest_difference(tmp_path / "plain", tmp_path / "again") <= 1e-6


def test_mixed_precision_trains_and_the_weights_stay_in_float32(trained, checkpoint, monkeypatch):
    kinds = set()

    class Looks(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            kinds.update(parameter.dtype for parameter in model.parameters())

    monkeypatch.setattr("transformers.trainer.DEFAULT_CALLBACKS", [*DEFAULT_CALLBACKS, Looks])
    folder = trained("--bf16")
    assert {str(kind) for kind in kinds} == {"torch.float32"}
    assert {str(value.dtype) for value in load_file(folder / "model.safetensors").values()} == {"float32"}
    assert 0 < largest_difference(folder, checkpoint) < 1e-2
    np.testing.assert_allclose(losses(folder), losses(checkpoint), rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("more", [[], ["--lora-rank", "3", "--learning-rate", "1e-2"]], ids=["full", "lora"])
def test_a_compiled_model_is_trained_and_saved_as_the_one_that_it_is(
    more, shell, distill_arguments, tmp_path, monkeypatch
):
    """With dynamo's own backend: what is compiled is the same, and a C++ compiler is not needed."""
    plain, compiled = tmp_path / "plain", tmp_path / "compiled"
    place = distill_arguments.index("--teacher")
    line = [*distill_arguments[: place + 1], distill_arguments[1], *distill_arguments[place + 2 :], *more]
    assert shell(*line, "-o", plain).exit_code == 0
    monkeypatch.setattr(training, "TrainingArguments", partial(TrainingArguments, torch_compile_backend="eager"))
    frames = []
    monkeypatch.setattr(torch, "compile", lambda *a, _compile=torch.compile, **k: frames.append(k) or _compile(*a, **k))
    result = shell(*line, "--torch-compile", "-o", compiled)
    assert result.exit_code == 0, result.stderr
    assert frames
    for part in ("", "stable"):
        assert largest_difference(plain / part, compiled / part) <= 1e-5
