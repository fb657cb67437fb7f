"""Which parameters decay, and that the settings of Adam reach it."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    OPTConfig,
    Qwen2Config,
)

from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.model.salad import SaladForCausalLM
from saladkit.settings.distill import AdapterSettings, DistillSettings
from saladkit.training.optimizer import make_optimizer

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}
SMALL |= {"intermediate_size": 24, "vocab_size": 40}
OPT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 24, "vocab_size": 40}
SHAPES = {
    "tied": Qwen2Config(**SMALL, tie_word_embeddings=True),
    "untied": LlamaConfig(**SMALL, tie_word_embeddings=False),
    "gemma": Gemma2Config(**SMALL, head_dim=8, final_logit_softcapping=None),
    "gpt2": GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=40, n_positions=32),
    "opt": OPTConfig(**OPT, max_position_embeddings=32, word_embed_proj_dim=16, do_layer_norm_before=True),
}
SETTINGS = {"data": ("speech",), "max_steps": 4, "weight_decay": 0.3}


def student_of(config):
    adapter = AdapterSettings(
        adapter_layers=1, adapter_width=16, adapter_mlp_width=32, adapter_heads=2, adapter_kv_heads=1
    )
    ours = SaladConfig(
        adapter_config=adapter_configuration(adapter),
        speech_encoder="log-mel",
        num_mel_bins=8,
        encoder_width=16,
        modality_tokens=True,
    )
    return SaladForCausalLM.from_text_model(AutoModelForCausalLM.from_config(config), ours)


def optimizer_of(student, **settings):
    weights = [name for name, _ in student.named_parameters() if "norm" not in name and not name.endswith("bias")]
    return make_optimizer(student, DistillSettings(**SETTINGS | settings), weights)


@pytest.mark.parametrize("shape", SHAPES)
def test_embeddings_and_head_do_not_decay_whatever_their_names(shape):
    student = student_of(SHAPES[shape])
    optimizer = optimizer_of(student)
    decayed = {id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    every = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(every) == sorted(id(p) for p in student.parameters() if p.requires_grad)
    tables = [name for name, p in student.named_parameters() if 40 in p.shape or "embed" in name or ".wpe." in name]
    assert len(tables) >= 2
    for name, parameter in student.named_parameters():
        matrix = parameter.ndim > 1 and "norm" not in name
        assert (id(parameter) in decayed) == (matrix and name not in tables), name


def test_a_row_of_a_token_that_never_occurs_stays_as_it_was():
    student = student_of(SHAPES["untied"])
    optimizer = optimizer_of(student)
    table = student.get_input_embeddings().weight
    before = table.detach().clone()
    table.grad = torch.zeros_like(table)
    table.grad[3] = 1.0
    optimizer.step()
    assert (table[4:] == before[4:]).all() and (table[3] != before[3]).all()


def test_adam_has_the_numbers_of_the_settings():
    settings = {"adam_beta1": 0.8, "adam_beta2": 0.95, "adam_epsilon": 1e-5}
    optimizer = optimizer_of(student_of(SHAPES["tied"]), **settings)
    assert {(group["betas"], group["eps"]) for group in optimizer.param_groups} == {((0.8, 0.95), 1e-5)}
