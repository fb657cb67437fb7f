"""The length of speech vectors: one that is learned, or each its own."""

import json

import pytest
import torch

from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.speech_adapter import SpeechAdapter
from saladkit.settings.distill import AdapterSettings, DistillSettings
from saladkit.settings.presets import preset_of

ADAPTER = AdapterSettings(
    adapter_layers=2, adapter_width=128, adapter_mlp_width=256, adapter_heads=4, adapter_kv_heads=2
)


def model_of(text_lm, length):
    torch.manual_seed(0)
    config = SaladConfig(
        adapter_config=adapter_configuration(ADAPTER), num_mel_bins=16, encoder_width=16, adapter_length=length
    )
    return SaladForCausalLM.from_text_model(load_text_model(text_lm, dtype="float32", device="cpu"), config).eval()


@pytest.fixture(scope="module", params=["free", "learned"])
def model(request, text_lm):
    return model_of(text_lm, request.param)


@pytest.fixture
def frames():
    return torch.randn(1, 160, 16, generator=torch.Generator().manual_seed(0))


def lengths_of(model, frames):
    return model.embed_speech(frames, torch.tensor([frames.shape[1] // 8]))[0].norm(dim=-1)


def test_vectors_start_at_the_length_of_text_embeddings(model, frames):
    median = model.get_input_embeddings().weight.norm(dim=-1).median()
    lengths = lengths_of(model, frames)
    assert abs(lengths.mean() / median - 1) < 0.15
    assert (lengths.std() / median > 0.01) == (model.config.adapter_length == "free")


def test_the_start_is_exact_for_hidden_states_of_all_directions():
    torch.manual_seed(0)
    config = SaladConfig(adapter_config=adapter_configuration(ADAPTER), adapter_length="free")
    config.text_config.hidden_size = 96
    adapter = SpeechAdapter(config)
    torch.nn.init.normal_(adapter.project_out.weight[:8], std=3.0)  # of whatever weights
    adapter.start_at_length(torch.tensor(0.7))
    hidden = torch.nn.functional.normalize(torch.randn(20_000, 128), dim=-1) * 128**0.5
    assert abs(adapter.project_out(hidden).square().sum(-1).mean().sqrt() - 0.7) < 0.01


def test_a_free_length_is_trained_with_the_direction_and_a_learned_one_apart(model, frames):
    model.zero_grad()
    lengths_of(model, frames).sum().backward()
    projection, own = model.speech_adapter.project_out.weight, model.speech_adapter.length
    along = (projection.grad * projection).sum()  # how lengths change if the projection grows as a whole
    if model.config.adapter_length == "free":
        assert own is None
        torch.testing.assert_close(along, lengths_of(model, frames).sum().detach(), rtol=1e-3, atol=0)
    else:
        assert abs(along) < 1e-4
        torch.testing.assert_close(own.grad, torch.tensor([20.0]), rtol=1e-4, atol=0)


def test_the_kind_of_length_is_saved_with_the_model(model, frames, tmp_path):
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["adapter_length"] == model.config.adapter_length
    loaded = load_salad_model(tmp_path, dtype="float32", device="cpu").eval()
    assert torch.equal(lengths_of(loaded, frames), lengths_of(model, frames))


def test_a_checkpoint_that_does_not_say_it_has_a_learned_length(text_lm, frames, tmp_path):
    model = model_of(text_lm, "learned")
    model.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    del saved["adapter_length"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    loaded = load_salad_model(tmp_path, dtype="float32", device="cpu").eval()
    assert torch.equal(lengths_of(loaded, frames), lengths_of(model, frames))


def test_lengths_are_free_as_published_and_learned_for_the_desk():
    assert DistillSettings(data=("x",), max_steps=1).adapter_length == "free"
    kinds = {name: preset_of(name, "distill")["adapter_length"] for name in ("3b", "7b", "desk")}
    assert kinds == {"3b": "free", "7b": "free", "desk": "learned"}


@pytest.mark.parametrize("lora", [[], ["--lora-rank", 2, "--save", "trained"]], ids=["full", "lora"])
def test_free_lengths_are_trained_and_saved(lora, shell, distill_arguments, tmp_path):
    line = [*distill_arguments, *lora, "--adapter-length", "free", "--max-steps", 2, "--lexical-weight", 0]
    done = shell(*line, "-o", tmp_path / "free")
    assert done.exit_code == 0 and "lexical loss" not in done.stderr
    model = load_salad_model(tmp_path / "free", dtype="float32", device="cpu")
    assert model.config.adapter_length == "free" and model.speech_adapter.length is None
    assert json.loads((tmp_path / "free" / "manifest.json").read_text())["settings"]["adapter_length"] == "free"
    assert "vectors of free length" in (tmp_path / "free" / "README.md").read_text()


def test_the_lexical_loss_with_free_lengths_is_said_to_let_them_grow(shell, distill_arguments, tmp_path):
    done = shell(*distill_arguments, "--adapter-length", "free", "--max-steps", 2, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "give --adapter-length learned" in done.stderr
