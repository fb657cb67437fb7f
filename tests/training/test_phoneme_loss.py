"""The phoneme loss: against a loop in float64, and in a training."""

import json
import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file

from saladkit.cli import main
from saladkit.errors import SaladError
from saladkit.model.salad import SaladForCausalLM
from saladkit.settings.distill import DistillSettings
from saladkit.training.phoneme_loss import phoneme_loss


def draw():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 2, 5, generator=generator, dtype=torch.float64).requires_grad_()
    return logits, torch.randint(-1, 5, (3, 4, 2), generator=generator)


def test_the_phoneme_loss_is_a_mean_over_what_is_named():
    logits, targets = draw()
    losses = [
        math.log(math.fsum(map(math.exp, logits[place].tolist()))) - logits[place][target].item()
        for place, target in np.ndenumerate(targets.numpy())
        if target >= 0
    ]
    assert 0 < len(losses) < targets.numel()
    found = phoneme_loss(logits, targets, torch.tensor(len(losses)))
    assert found.item() == pytest.approx(math.fsum(losses) / len(losses), rel=1e-6)  # float32 inside


def test_the_losses_of_batches_add_up_to_the_steps():
    logits, targets = draw()
    counted = (targets >= 0).sum()
    parts = [phoneme_loss(logits[part], targets[part], counted).item() for part in (slice(0, 1), slice(1, 3))]
    assert sum(parts) == pytest.approx(phoneme_loss(logits, targets, counted).item(), rel=1e-6)
    nothing = phoneme_loss(logits, torch.full_like(targets, -1), torch.tensor(0))
    nothing.backward()
    assert nothing.item() == 0 and not logits.grad.any()


@pytest.fixture(scope="module")
def trained(distill_arguments, tmp_path_factory):
    """A training with a phoneme loss: its folder and its log, one entry a step."""
    out = tmp_path_factory.mktemp("phonemes") / "out"
    line = [*distill_arguments, "--phoneme-weight", 0.5, "--lexical-steps", 2, "--encoder-fine-blocks", 1, "-o", out]
    done = CliRunner().invoke(main, list(map(str, line)), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return out, [json.loads(entry) for entry in (out / "metrics.jsonl").read_text().splitlines()]


def test_the_lexical_steps_learn_phonemes_and_no_other_step_does(trained):
    _, log = trained
    assert [entry["step"] for entry in log if "phoneme" in entry] == [1, 2]
    for entry in log[:2]:
        assert entry["loss"] == pytest.approx(0.5 * entry["lexical"] + 0.5 * entry["phoneme"], rel=1e-5)


def test_the_checkpoint_names_the_phonemes(trained):
    out, _ = trained
    model = SaladForCausalLM.from_pretrained(out)
    assert model.config.phonemes[0] == "_" and {"t", "@", "i:"} < set(model.config.phonemes)
    head = load_file(out / "model.safetensors")["phoneme_head.classify.weight"]
    assert len(head) == 2 * len(model.config.phonemes)


def test_a_model_that_is_used_does_not_run_the_head(trained):
    model = SaladForCausalLM.from_pretrained(trained[0])
    frames, lengths = torch.zeros(1, 8, model.config.num_mel_bins), torch.tensor([1])
    arguments = {"input_ids": torch.zeros(1, 1, dtype=torch.int64), "speech_mask": torch.ones(1, 1, dtype=torch.bool)}
    for training in (True, False):
        output = model.train(training)(**arguments, speech_frames=frames, speech_lengths=lengths)
        assert (output.phoneme_logits is not None) == training


@pytest.mark.parametrize("encoder", ["phones", "mimi"])
def test_only_an_encoder_that_is_trained_on_sound_names_phonemes(encoder):
    lexical = {"lexical_steps": 2, "lexical_weight": 1.0, "adapter_length": "learned"}
    with pytest.raises(SaladError, match=f"--phoneme-weight 0.5 has no effect on {encoder}") as raised:
        DistillSettings(data=("d",), max_steps=3, encoder=encoder, phoneme_weight=0.5, **lexical)
    assert "log-mel" in raised.value.fix


def test_phonemes_without_lexical_steps_are_refused(shell, distill_arguments, tmp_path):
    done = shell(*distill_arguments, "--phoneme-weight", 0.5, "--lexical-steps", 0, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "without lexical steps" in done.stderr and "--lexical-weight" in done.stderr
