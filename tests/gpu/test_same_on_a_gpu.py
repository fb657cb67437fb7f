"""GPU and CPU compute the same, up to rounding."""

import copy

import numpy as np
import pytest
import torch

from saladkit.formats.teacher_cache import TeacherCache
from saladkit.rows.batched_sequences import pack_sequences
from saladkit.rows.schedule import StepShape, TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.training_sources import open_speech, open_text
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.settings.distill import DistillSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.stages.cache_teacher import cache_teacher
from saladkit.teacher.distributions import SampledDistributions, dense_from_logits, top_k_from_logits
from saladkit.teacher.head import LossRequest, head_loss
from saladkit.teacher.signals import CachedTeacher

pytestmark = pytest.mark.gpu

POSITIONS, WIDTH, VOCABULARY = 300, 64, 5000


def teachers():
    logits = 3 * torch.randn(POSITIONS, VOCABULARY)
    ids = torch.stack([torch.randperm(VOCABULARY)[:12] for _ in range(POSITIONS)])
    return {
        "dense": dense_from_logits(logits),
        "top-k": top_k_from_logits(logits, 32),
        "sampled": SampledDistributions(ids, torch.rand(POSITIONS, 12).softmax(dim=-1)),
    }


def moved(distributions, device):
    return type(distributions)(*(values.to(device) for values in vars(distributions).values()))


def loss_and_gradients(device, dtype, kept, alpha):
    torch.manual_seed(0)
    hidden, head = torch.randn(POSITIONS, WIDTH), torch.nn.Linear(WIDTH, VOCABULARY, bias=False)
    teacher, labels = teachers()[kept], torch.randint(VOCABULARY, (POSITIONS,))
    hidden = hidden.to(device, dtype).requires_grad_()
    head = head.to(device, dtype)
    found = head_loss(hidden, head, [LossRequest(moved(teacher, device), labels.to(device), alpha)])
    (found.total / POSITIONS).backward()
    return [values.float().cpu() for values in (found.total, hidden.grad, head.weight.grad)]


@pytest.mark.parametrize("alpha", [1.0, 0.5])
@pytest.mark.parametrize("kept", ["dense", "top-k", "sampled"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
def test_the_heads_loss_is_the_cpus(kept, alpha, dtype, tolerance):
    expected = loss_and_gradients("cpu", torch.float32, kept, alpha)
    for ours, theirs in zip(loss_and_gradients("cuda", dtype, kept, alpha), expected, strict=True):
        assert (ours - theirs).norm() <= tolerance * theirs.norm()


@pytest.fixture(scope="module")
def examples(speech, world, frames_cache, tokenizer):
    """Twelve examples, of speech and of replay."""
    heard = open_speech(WeightedPath(str(speech)), tokenizer, LogMelFrontEnd(bins=16), frames_caches=[frames_cache])
    read = open_text(WeightedPath(str(world / "pool.parquet")), tokenizer)
    settings = DistillSettings(data=("speech",), max_steps=1, text_words=(2, 5), speech_words=(2, 5))
    schedule = TrainingSchedule([heard, read], SequenceLayout(100, 8), settings, StepShape(12))
    return [schedule[index].examples[0] for index in range(12)]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_packed_equals_padded(dtype, tolerance, salad_model, teacher_cache, examples):
    model = copy.deepcopy(salad_model).to("cuda")
    sequences, device = [example.sequence for example in examples], torch.device("cuda")
    token_ids, targets = [e.token_ids for e in examples], [s.targets for s in sequences]
    labels = torch.from_numpy(np.concatenate([example.labels() for example in examples])).to(device)
    teacher = CachedTeacher(TeacherCache(teacher_cache)).distributions(token_ids, targets, device)
    losses = []
    for lines in ([sequences], [[sequence] for sequence in sequences]):
        batch = {name: values.to(device) for name, values in pack_sequences(lines).items()}
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
            losses.append(model(**batch, requests=[LossRequest(teacher, labels)]).loss.item() / len(labels))
    assert losses[0] == pytest.approx(losses[1], abs=tolerance)


def test_a_cache_made_on_a_gpu_is_the_cpus(world, text_lm, tokenizer, tmp_path):
    for device in ("cpu", "cuda"):
        settings = CacheTeacherSettings(model=str(text_lm), top_k=8, dtype="float32", device=device)
        cache_teacher([str(world / "natural.parquet")], tmp_path / device, settings)
    made = {device: TeacherCache(tmp_path / device) for device in ("cpu", "cuda")}
    assert made["cpu"].artefact.manifest["counts"]["rows"] == made["cuda"].artefact.manifest["counts"]["rows"]
    rows = open_text(WeightedPath(str(world / "natural.parquet")), tokenizer).texts
    for text in rows:
        ours, theirs = (made[device].row(text.token_ids) for device in ("cuda", "cpu"))
        # Tokens that are as likely as each other may change places; their probabilities do not.
        np.testing.assert_allclose(
            ours.kept_log_probs.astype(np.float32), theirs.kept_log_probs.astype(np.float32), rtol=2e-3, atol=2e-3
        )
        np.testing.assert_allclose(ours.log_tail, theirs.log_tail, rtol=1e-3, atol=1e-3)
