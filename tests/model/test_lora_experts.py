"""LoRA in a mixture of experts: the fused weights of the experts learn, and merging changes no logits."""

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM, GptOssConfig, Lfm2Config, MambaConfig, MixtralConfig, Qwen3MoeConfig

from saladkit.errors import SaladError
from saladkit.model.lora import LoraShape, adapters_off, add_lora, is_lora_weight, merge_lora, merged_state

IDS = torch.arange(1, 25).reshape(2, 12)
SHAPE = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 0,
}
KINDS = {
    "Qwen3 MoE": Qwen3MoeConfig(**SHAPE, moe_intermediate_size=12, num_experts=4, num_experts_per_tok=2, head_dim=8),
    "Mixtral": MixtralConfig(**SHAPE, num_local_experts=4),
    "Mixtral, square": MixtralConfig(**SHAPE | {"hidden_size": 32, "intermediate_size": 16}, num_local_experts=4),
    "gpt-oss, transposed": GptOssConfig(**SHAPE, num_local_experts=4, head_dim=8, num_experts_per_tok=2),
}


@pytest.fixture(params=list(KINDS))
def plain(request):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(KINDS[request.param]).eval()


def adapted(plain, targets=()):
    """With LoRA that has learned something."""
    model = copy.deepcopy(plain)
    torch.manual_seed(1)
    add_lora(model, LoraShape(2, None, 0.0, targets))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def logits(model):
    return model(input_ids=IDS).logits


def test_experts_learn_as_attention_does(plain):
    model = adapted(plain)
    logits(model).square().sum().backward()
    learns = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all(map(is_lora_weight, learns))
    assert all(parameter.grad is not None for name, parameter in model.named_parameters() if name in learns)
    of_experts = [name for name in learns if ".experts." in name]
    assert len(of_experts) == 2 * 2 * 2  # layers, weights, A and B
    assert any("q_proj" in name for name in learns)


@torch.no_grad()
def test_merged_experts_give_the_logits_of_the_layers(plain):
    model = adapted(plain)
    found, state = logits(model), merged_state(model, model.state_dict())
    assert (found - logits(plain)).abs().max() > 1e-2
    with adapters_off(model):
        assert torch.equal(logits(model), logits(plain))
    assert state.keys() == plain.state_dict().keys()
    twin = copy.deepcopy(plain)
    twin.load_state_dict(state)
    torch.testing.assert_close(logits(twin), found, rtol=0, atol=1e-5)
    merge_lora(model)
    assert model.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_experts_may_be_named_or_left_out(plain):
    for target, others in (("down_proj", "q_proj"), ("q_proj", "experts")):
        names = [name for name, _ in adapted(plain, (target,)).named_parameters() if is_lora_weight(name)]
        assert len(names) == 2 * 2 and not any(others in name for name in names)


def test_experts_have_no_dropout(plain):
    with pytest.raises(SaladError) as raised:
        add_lora(copy.deepcopy(plain), LoraShape(2, None, 0.1, ()))
    assert "experts" in raised.value.problem and "--lora-targets q_proj" in raised.value.fix
    add_lora(copy.deepcopy(plain), LoraShape(2, None, 0.1, ("q_proj",)))


@torch.no_grad()
def test_convolutions_are_no_experts():
    torch.manual_seed(0)
    plain = AutoModelForCausalLM.from_config(Lfm2Config(**SHAPE, layer_types=["conv", "full_attention"])).eval()
    model = adapted(plain)
    assert not any("conv.conv" in name for name, _ in model.named_parameters() if is_lora_weight(name))
    found, twin = logits(model), copy.deepcopy(plain)
    twin.load_state_dict(merged_state(model, model.state_dict()))
    torch.testing.assert_close(logits(twin), found, rtol=0, atol=1e-5)


def test_a_model_that_peft_refuses_is_an_error_of_two_lines():
    mamba = AutoModelForCausalLM.from_config(MambaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1))
    with pytest.raises(SaladError) as raised:
        add_lora(mamba, LoraShape(2, None, 0.0, ()))
    assert "cannot be put into a mamba model" in raised.value.problem and "--lora-targets" in raised.value.fix
