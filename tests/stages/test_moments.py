"""The optimizer's moments: kept from before the decay, and taken up by `align`."""

import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import Trainer

from saladkit.formats.checkpoint import MOMENTS, model_digest
from saladkit.training.trainer import SaladTrainer

STEPS = ["--max-steps", 2, "--save-steps", 1, "--logging-steps", 1, "--per-device-train-batch-size", 4]


@pytest.fixture
def aligned(shell, speech, teacher_cache, tmp_path):
    """Run `align`; its result, and what the optimizer held before the first step: rates and moments by name."""

    def run(checkpoint, *more):
        seen = []
        compute_loss = SaladTrainer.compute_loss

        def watched(self, *arguments, **further):
            if not seen:
                rates = {group["lr"] for group in self.optimizer.param_groups}
                state = self.optimizer.state
                held = {
                    f"{part}.{name}": value.clone()
                    for name, parameter in self.model.named_parameters()
                    for part, value in state.get(parameter, {}).items()
                }
                seen.append((rates, held))
            return compute_loss(self, *arguments, **further)

        line = ["align", checkpoint, "--data", speech, "--teacher", teacher_cache, *STEPS, "--device", "cpu"]
        line += ["--text-words", 4, 8, "--speech-words", 3, 6, *more, "-o", tmp_path / "aligned"]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(SaladTrainer, "compute_loss", watched)
            result = shell(*line)
        assert result.exit_code == 0, result.stderr
        return result, *seen[0]

    return run


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_stable_keeps_the_moments_of_the_saved_state(shell, distill_arguments, tmp_path):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("saladkit.training.stage.discard_states", lambda _: None)
        patched.setattr("saladkit.training.loop.SaladTrainer", Named)
        at = distill_arguments.index("--save-steps") + 1
        line = [*distill_arguments[:at], "1", *distill_arguments[at + 1 :]]
        patched.setattr(Trainer, "_rotate_checkpoints", lambda *_, **__: None, raising=False)
        patched.setattr("transformers.trainer.rotate_checkpoints", lambda *_, **__: None, raising=False)
        assert shell(*line, "-o", tmp_path / "out").exit_code == 0
    state = torch.load(tmp_path / "out" / "training" / "checkpoint-2" / "optimizer.pt", weights_only=True)["state"]
    expected = {f"{part}.{Named.names[i]}": value for i, of_one in state.items() for part, value in of_one.items()}
    kept = load_file(tmp_path / "out" / "stable" / MOMENTS)
    assert equal(kept, expected) and any(value.abs().max() > 0 for value in kept.values())


class Named(SaladTrainer):
    """Notes the names of the optimizer's parameters in their order."""

    def create_optimizer(self, model=None):
        optimizer = super().create_optimizer(model)
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        Named.names = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
        return optimizer


def test_align_goes_on_with_them_at_the_full_rate(aligned, checkpoint):
    result, rates, held = aligned(checkpoint, "--learning-rate", 3e-4, "--adapter-learning-rate", 2e-3)
    assert equal(held, load_file(checkpoint / "stable" / MOMENTS))
    assert rates == {3e-4, 2e-3}
    assert f"goes on with the moments of {checkpoint / 'stable'}" in result.stderr


def test_a_fresh_optimizer_has_none_and_warms_up(aligned, checkpoint):
    result, rates, held = aligned(checkpoint, "--fresh-optimizer")
    assert (rates, held) == ({0.0}, {})
    assert "begins anew (--fresh-optimizer)" in result.stderr


def test_a_warm_up_may_be_asked_for(aligned, checkpoint):
    _, rates, held = aligned(checkpoint, "--warmup-steps", 2)
    assert rates == {0.0} and held


def test_moments_of_other_weights_are_left(aligned, checkpoint):
    result, rates, held = aligned(checkpoint, "--lora-rank", 2)
    assert (rates, held) == ({0.0}, {})
    assert "of other trained weights" in result.stderr


def test_lora_goes_on_with_the_moments_of_its_own_weights(aligned, shell, distill_arguments, tmp_path):
    line = [*distill_arguments, "--lora-rank", 2, "--learning-rate", 1e-2, "--save", "trained"]
    assert shell(*line, "-o", tmp_path / "lora").exit_code == 0
    kept = load_file(tmp_path / "lora" / "stable" / MOMENTS)
    assert any(".lora_" in name for name in kept)
    assert not any("language_model" in name and ".lora_" not in name for name in kept)
    _, _, held = aligned(tmp_path / "lora")
    assert equal(held, kept)


def test_without_kept_moments_align_says_so(aligned, checkpoint, tmp_path):
    shutil.copytree(checkpoint / "stable", tmp_path / "stable")
    (tmp_path / "stable" / MOMENTS).unlink()
    assert model_digest(tmp_path / "stable") == model_digest(checkpoint / "stable")
    result, rates, held = aligned(tmp_path / "stable")
    assert (rates, held) == ({0.0}, {})
    assert f"has no {MOMENTS}" in result.stderr


def test_moments_may_be_dropped(shell, distill_arguments, tmp_path):
    assert shell(*distill_arguments, "--stable-moments", "drop", "-o", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "stable" / "config.json").exists()
    assert not (tmp_path / "out" / "stable" / MOMENTS).exists()


def test_damaged_moments_are_refused(shell, checkpoint, speech, teacher_cache, tmp_path):
    shutil.copytree(checkpoint / "stable", tmp_path / "stable")
    whole = (tmp_path / "stable" / MOMENTS).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not tensors"):
        (tmp_path / "stable" / MOMENTS).write_bytes(damaged)
        line = ["align", tmp_path / "stable", "--data", speech, "--teacher", teacher_cache, *STEPS]
        result = shell(*line, "--device", "cpu", "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert "is damaged" in result.stderr and "--fresh-optimizer" in result.stderr
