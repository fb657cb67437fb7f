"""Text LLMs of other architectures than the desk's, by transformers' real classes: train two steps and load again."""

import json

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GraniteConfig,
    LlamaConfig,
    PreTrainedConfig,
    Qwen2Config,
    SmolLM3Config,
)

from saladkit.errors import SaladError
from saladkit.model.language_model import embedding_length
from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.rows.batched_sequences import collate_sequences
from saladkit.rows.interleaving import whole_text
from saladkit.rows.sequences import build_sequence
from saladkit.rows.tokens import tokenize
from saladkit.sources.samples import read_samples

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
KINDS = {
    "Qwen2, tied": (Qwen2Config, {"tie_word_embeddings": True}),
    "Llama, untied": (LlamaConfig, {"tie_word_embeddings": False}),
    "SmolLM (Llama, tied)": (LlamaConfig, {"tie_word_embeddings": True}),
    "SmolLM3": (SmolLM3Config, {}),
    "Gemma": (GemmaConfig, {"head_dim": 8}),
    "Gemma 3": (Gemma3TextConfig, {"head_dim": 8, "sliding_window": 16}),
}


def save(configuration: type[PreTrainedConfig], further, tokenizer, folder):
    torch.manual_seed(0)
    config = configuration(**SHAPE | {"vocab_size": len(tokenizer)} | further)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(params=list(KINDS))
def text_llm(request, tokenizer, tmp_path):
    return save(*KINDS[request.param], tokenizer, tmp_path / "text-llm")


@torch.inference_mode()
def test_a_text_llm_of_this_kind_learns_to_hear(text_llm, distill_arguments, shell, world, tokenizer, tmp_path):
    place = distill_arguments.index("--teacher")
    line = ["distill", text_llm, *distill_arguments[2:place], *distill_arguments[place + 2 :], "--batching", "packed"]
    with torch.inference_mode(False):
        result = shell(*line, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    entries = [json.loads(row) for row in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert all(entry["distillation"] > 0 for entry in entries)
    loaded = load_salad_model(tmp_path / "out", dtype="float32", device="cpu").eval()
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    text = tokenize(tokenizer, read_samples(world / "natural.parquet", needed=["text"], limit=1).to_pylist()[0]["text"])
    batch = collate_sequences([build_sequence(text, whole_text(len(text.splittable) - 1), [], None, None)])
    del batch["logits_at"]
    bare = loaded.language_model(input_ids=batch["input_ids"]).logits
    torch.testing.assert_close(loaded(**batch).logits, bare, rtol=0, atol=1e-5)
    assert torch.equal(again(**batch).logits, loaded(**batch).logits)


@torch.inference_mode()
def test_speech_starts_as_long_as_what_the_layers_are_given_of_text(text_llm):
    model = load_text_model(text_llm, dtype="float32", device="cpu")
    table = model.get_input_embeddings()
    vectors = table(torch.arange(model.config.vocab_size))
    torch.testing.assert_close(embedding_length(model), vectors.norm(dim=-1).median(), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("kind", "further"),
    [
        (Gemma2Config, {"head_dim": 8, "final_logit_softcapping": 30.0}),
        (CohereConfig, {}),
        (GraniteConfig, {"logits_scaling": 8.0}),
    ],
)
def test_a_text_llm_that_changes_its_logits_is_refused(kind, further, tokenizer, tmp_path):
    folder = save(kind, further, tokenizer, tmp_path / "text-llm")
    with pytest.raises(SaladError, match="changes the logits of its head"):
        load_text_model(folder, dtype="float32", device="cpu")
