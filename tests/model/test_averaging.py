"""Means of tensors and of LoRA against slow twins in float64."""

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GptOssConfig, MixtralConfig, Qwen2Config

from saladkit.errors import SaladError
from saladkit.formats.weights import read_shapes
from saladkit.model import averaging
from saladkit.model.averaging import WeightAverage, join_lora, mean_in_pieces
from saladkit.model.configuration import SaladConfig
from saladkit.model.lora import LoraShape, add_lora, is_lora_weight, merged_state

SHAPE = {"vocab_size": 20, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1}
SHAPE |= {"num_attention_heads": 2, "num_key_value_heads": 1, "pad_token_id": 0, "bos_token_id": None}
KINDS = {
    "dense": Qwen2Config(**SHAPE),
    "experts": MixtralConfig(**SHAPE, num_local_experts=3),
    "experts, transposed": GptOssConfig(**SHAPE, num_local_experts=3, head_dim=8, num_experts_per_tok=2),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (5, 3)], ids=str)
def test_the_mean_is_that_of_float64_in_pieces(dtype, shape, monkeypatch):
    monkeypatch.setattr(averaging, "PIECE", 4)
    torch.manual_seed(0)
    first, second, third = torch.randn(shape).to(dtype), torch.randn(shape), torch.randn(shape).half()
    pieces = list(mean_in_pieces([first, second, third], [0.5, 0.2, 0.3]))
    assert all(piece.numel() <= 4 and piece.dtype == dtype for piece in pieces)
    found = torch.cat(pieces).tolist() if pieces else []
    values = zip(*(tensor.double().flatten().tolist() for tensor in (first, second, third)), strict=True)
    expected = torch.tensor([0.5 * a + 0.2 * b + 0.3 * c for a, b, c in values], dtype=torch.float64).to(dtype)
    assert found == expected.tolist()


def test_the_mean_of_equal_tensors_is_these():
    tensor = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.cat(list(mean_in_pieces([tensor] * 3, [0.1, 0.2, 0.7]))), tensor)


@torch.no_grad()
@pytest.mark.parametrize("kind", list(KINDS))
def test_joined_lora_is_the_mean_of_the_products(kind):
    torch.manual_seed(0)
    plain, weights, rank = AutoModelForCausalLM.from_config(KINDS[kind]), (0.6, 0.4), 2
    states = []
    for _ in weights:
        model = copy.deepcopy(plain)
        add_lora(model, LoraShape(rank, 3.0, 0.0, ()))
        states.append(
            {name: torch.randn_like(x) if is_lora_weight(name) else x for name, x in model.state_dict().items()}
        )
    merged = [merged_state(model, state) for state in states]
    joined = copy.deepcopy(plain)
    add_lora(joined, LoraShape(2 * rank, 6.0, 0.0, ()))
    state = {
        name: join_lora(name, [other[name] for other in states], weights, rank) if is_lora_weight(name) else value
        for name, value in states[0].items()
    }
    joined.load_state_dict(state)
    found = merged_state(joined, joined.state_dict())
    changed = [name for name, value in plain.state_dict().items() if not torch.equal(found[name], value)]
    assert len(changed) >= 6
    for name, value in found.items():
        expected = sum(weight * other[name].double() for weight, other in zip(weights, merged, strict=True))
        torch.testing.assert_close(value.double(), expected, rtol=0, atol=1e-5)


@pytest.fixture
def stored(tmp_path):
    """Write the weights of two checkpoints with Mimi's codebooks; the mean of both."""

    def write(*states):
        for place, state in enumerate(states):
            (tmp_path / str(place)).mkdir()
            save_file(state, tmp_path / str(place) / "model.safetensors")
        folders = tuple(tmp_path / str(place) for place in range(len(states)))
        config = SaladConfig(frozen_encoder={"name": "mimi"})
        files = read_shapes(folders[0])
        (in_file,) = files.values()
        places = dict.fromkeys(in_file, "model.safetensors")
        return WeightAverage(folders, (0.5, 0.5), config, files, (places, places))

    return write


FIXED = {"speech_encoder.codebooks": torch.tensor([0.1, 0.2]), "steps": torch.tensor([2**53 + 1])}


def test_what_is_not_trained_is_copied(stored, tmp_path):
    states = [{"x": torch.tensor([value])} | FIXED for value in (1.0, 2.0)]
    stored(*states).write("model.safetensors", tmp_path / "mean")
    found = load_file(tmp_path / "mean")
    assert found["x"].item() == 1.5
    assert all(torch.equal(found[name], value) for name, value in FIXED.items())


@pytest.mark.parametrize("name", list(FIXED))
def test_what_is_not_trained_must_be_equal(name, stored, tmp_path):
    with pytest.raises(SaladError) as raised:
        stored(FIXED, FIXED | {name: FIXED[name] + 1}).write("model.safetensors", tmp_path / "mean")
    assert f"{tmp_path / '1'} has another {name}" in raised.value.problem
