"""LoRA in the language model: what it freezes, what it adds, and that merging it changes no logits."""

import copy

import pytest
import torch

from saladkit.errors import SaladError
from saladkit.model.lora import LoraShape, adapters_off, add_lora, is_lora_weight, merge_lora, merged_state

IDS = torch.arange(1, 25).reshape(2, 12)


@pytest.fixture
def model(salad_model):
    """With LoRA that has learned something."""
    model = copy.deepcopy(salad_model)
    torch.manual_seed(1)
    model.add_lora(LoraShape(3, None, 0.5, ()), {"name": "here", "digest": "0"})
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


@torch.no_grad()
def logits(model):
    return model(input_ids=IDS).logits


def test_at_first_lora_adds_nothing_and_alone_learns_in_the_language_model(salad_model):
    model = copy.deepcopy(salad_model)
    model.add_lora(LoraShape(4, None, 0.0, ()), {"name": "here", "digest": "0"})
    assert torch.equal(logits(model), logits(salad_model))
    learns = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all(is_lora_weight(name) == name.startswith("language_model.") for name in learns)
    heard = {name for name, _ in model.named_parameters() if name.startswith("speech_")}
    assert heard <= learns
    adapted = {name.split(".lora_")[0].rpartition(".")[2] for name in learns if is_lora_weight(name)}
    assert adapted == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert sum(map(is_lora_weight, learns)) == 2 * 7 * 2


def test_targets_are_called_by_their_last_names(salad_model):
    language_model = copy.deepcopy(salad_model.language_model)
    add_lora(language_model, LoraShape(2, 3, 0.0, ("q_proj", "layers.1.self_attn.v_proj")))
    names = [name for name, _ in language_model.named_parameters() if "lora_A" in name]
    assert [name.split(".lora_")[0] for name in names] == [
        "model.layers.0.self_attn.q_proj",
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.self_attn.v_proj",
    ]
    assert language_model.model.layers[0].self_attn.q_proj.scaling == {"default": 1.5}


def test_a_target_that_is_none(salad_model):
    with pytest.raises(SaladError) as raised:
        add_lora(copy.deepcopy(salad_model.language_model), LoraShape(2, None, 0.0, ("q_prj",)))
    assert "q_prj" in raised.value.problem
    assert "q_proj" in raised.value.fix


def test_switched_off_it_is_the_model_that_it_was_put_into(model, salad_model):
    model.train()
    frozen = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    adapted = logits(model.eval())
    model.train()
    with adapters_off(model.language_model):
        assert torch.equal(logits(model), logits(salad_model))
    assert model.language_model.training
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == frozen
    assert torch.equal(logits(model.eval()), adapted)
    assert (adapted - logits(salad_model)).abs().max() > 1e-2


def test_merged_weights_give_the_logits_of_the_layers(model, salad_model):
    adapted, state = logits(model.eval()), merged_state(model, model.state_dict())
    assert state.keys() == salad_model.state_dict().keys()
    plain = copy.deepcopy(salad_model)
    plain.load_state_dict(state)
    torch.testing.assert_close(logits(plain), adapted, rtol=0, atol=1e-5)
    assert torch.equal(logits(model), adapted)
    merge_lora(model.language_model)
    assert model.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_without_lora_the_merged_state_is_the_state(salad_model):
    state = salad_model.state_dict()
    merged = merged_state(salad_model, state)
    assert list(merged) == list(state)
    assert all(merged[name].data_ptr() == state[name].data_ptr() for name in state)
