"""`distill --lora-rank` of a mixture of experts: experts learn, and both ways to save give one model."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, Qwen3MoeConfig

from saladkit.model.loading import load_salad_model, load_text_model


@pytest.fixture
def experts(tokenizer, tmp_path):
    torch.manual_seed(0)
    config = Qwen3MoeConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        moe_intermediate_size=12,
        num_experts=4,
        num_experts_per_tok=2,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "experts")
    tokenizer.save_pretrained(tmp_path / "experts")
    return tmp_path / "experts"


@torch.no_grad()
def test_what_experts_have_learned_is_saved_and_loaded(experts, distill_arguments, shell, tmp_path):
    place = distill_arguments.index("--teacher")
    further = [*distill_arguments[2:place], *distill_arguments[place + 2 :], "--lora-rank", 2, "--learning-rate", 1e-2]
    found = {}
    for save in ("full", "trained"):
        with torch.enable_grad():
            result = shell("distill", experts, *further, "--save", save, "-o", tmp_path / save)
        assert result.exit_code == 0, result.stderr
        model = load_salad_model(tmp_path / save, dtype="float32", device="cpu").eval()
        found[save] = {name: value for name, value in model.state_dict().items() if "experts" in name}
    assert len(found["full"]) == 2 * 2
    before = load_text_model(experts, dtype="float32", device="cpu").state_dict()
    for name, value in found["full"].items():
        assert torch.equal(value, found["trained"][name])
        assert not torch.equal(value, before[name.removeprefix("language_model.")])
    names = [name for name in load_file(tmp_path / "trained" / "model.safetensors") if "experts" in name]
    assert len(names) == 2 * 2 * 2
