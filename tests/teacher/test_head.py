"""The head in pieces against the loss on all logits at once, differentiated by autograd in float64."""

import pytest
import torch

from saladkit.teacher import head as module
from saladkit.teacher.distributions import (
    HiddenDistributions,
    SampledDistributions,
    dense_from_logits,
    top_k_from_logits,
)
from saladkit.teacher.head import LossRequest, head_loss
from saladkit.teacher.losses import DIVERGENCES, divergence

POSITIONS, WIDTH, VOCABULARY = 37, 6, 29


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Pieces of 16 positions: two whole ones and a rest."""
    monkeypatch.setattr(module, "CPU_PIECE_BYTES", 0)


def negative_log_likelihood(logits, token_ids):
    """-log q(token) at each position, in nats."""
    return torch.nn.functional.cross_entropy(logits, token_ids, reduction="none")


def draw(dtype=torch.float64, bias=False):
    torch.manual_seed(0)
    hidden = torch.randn(POSITIONS, WIDTH, dtype=dtype).requires_grad_()
    head = torch.nn.Linear(WIDTH, VOCABULARY, bias=bias, dtype=dtype)
    teacher = 2 * torch.randn(POSITIONS, VOCABULARY, dtype=dtype)
    return hidden, head, teacher, torch.randint(0, VOCABULARY, (POSITIONS,))


def teachers(logits, temperature):
    weights = torch.softmax(torch.randn(POSITIONS, 5, dtype=logits.dtype), dim=-1)
    ids = torch.stack([torch.randperm(VOCABULARY)[:5] for _ in range(POSITIONS)])
    weights[:, 4] = 0.0
    weights /= weights.sum(dim=-1, keepdim=True)
    return {
        "dense": dense_from_logits(logits, temperature),
        "top-k": top_k_from_logits(logits / temperature, 4),
        "top-all": top_k_from_logits(logits / temperature, VOCABULARY),
        "sampled": SampledDistributions(ids, weights),
    }


def slow(hidden, head, teacher, alpha, token_ids, kind, temperature):
    logits = head(hidden)
    apart = divergence(teacher, logits / temperature, kind) * temperature**2
    return (alpha * apart + (1 - alpha) * negative_log_likelihood(logits, token_ids)).sum()


def gradients(loss, *inputs):
    return torch.autograd.grad(3 * loss, inputs)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("alpha", "temperature"), [(1.0, 1.0), (0.3, 1.0), (1.0, 2.5), (0.3, 2.5)])
@pytest.mark.parametrize(
    ("kept", "kind"),
    [*((kept, kind) for kept in ("dense", "top-k", "top-all") for kind in DIVERGENCES), ("sampled", "forward-kl")],
)
def test_loss_and_gradients_are_those_of_all_logits_at_once(kept, kind, alpha, temperature, bias):
    hidden, head, logits, token_ids = draw(bias=bias)
    teacher = teachers(logits, temperature)[kept]
    inputs = [hidden, *head.parameters()]
    found = head_loss(hidden, head, [LossRequest(teacher, token_ids, alpha, kind, temperature)])
    expected = slow(hidden, head, teacher, alpha, token_ids, kind, temperature)
    torch.testing.assert_close(found.total, expected, rtol=1e-12, atol=0)
    for ours, theirs in zip(gradients(found.total, *inputs), gradients(expected, *inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-13)
    of_all = divergence(teacher, head(hidden) / temperature, kind) * temperature**2
    torch.testing.assert_close(found.divergence, of_all.sum(), rtol=1e-11, atol=0)
    likelihood = negative_log_likelihood(head(hidden), token_ids).sum() * (alpha < 1)
    torch.testing.assert_close(found.nll, likelihood, rtol=1e-12, atol=0)


def test_what_is_asked_in_parts_adds_up():
    hidden, head, logits, token_ids = draw()
    teacher = dense_from_logits(logits)
    first = LossRequest(teacher.piece(0, 21), token_ids[:21], 0.6)
    found = head_loss(hidden, head, [first, LossRequest(None, token_ids[21:], 0.0)])
    apart = slow(hidden[:21], head, teacher.piece(0, 21), 0.6, token_ids[:21], "forward-kl", 1.0)
    expected = apart + negative_log_likelihood(head(hidden[21:]), token_ids[21:]).sum()
    torch.testing.assert_close(found.total, expected, rtol=1e-12, atol=0)
    inputs = [hidden, head.weight]
    for ours, theirs in zip(gradients(found.total, *inputs), gradients(expected, *inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-13)


def test_a_live_teacher_is_asked_piece_by_piece():
    hidden, head, _, token_ids = draw()
    of_teacher, its_head = (
        torch.randn(POSITIONS, WIDTH, dtype=torch.float64),
        torch.nn.Linear(WIDTH, VOCABULARY).double(),
    )
    asked = []
    its_head.register_forward_hook(lambda _, inputs, __: asked.append(len(inputs[0])))
    live = HiddenDistributions(of_teacher, its_head, 2.0)
    found = head_loss(hidden, head, [LossRequest(live, token_ids, 0.5, "jsd", 2.0)]).total
    assert asked == [16, 16, 5]
    whole = dense_from_logits(its_head(of_teacher).detach(), 2.0)
    torch.testing.assert_close(found, slow(hidden, head, whole, 0.5, token_ids, "jsd", 2.0), rtol=1e-12, atol=0)


def test_what_does_not_train_gets_no_gradient():
    hidden, head, logits, token_ids = draw()
    head.requires_grad_(False)
    head_loss(hidden, head, [LossRequest(dense_from_logits(logits), token_ids)]).total.backward()
    assert head.weight.grad is None
    assert hidden.grad.any()


def test_without_a_teacher_the_loss_is_the_likelihood():
    hidden, head, _, token_ids = draw()
    found = head_loss(hidden, head, [LossRequest(None, token_ids, 0.0)])
    expected = negative_log_likelihood(head(hidden), token_ids).sum()
    torch.testing.assert_close(found.total, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        gradients(found.total, hidden)[0], gradients(expected, hidden)[0], rtol=1e-10, atol=1e-14
    )


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_a_position_without_a_label_has_the_divergence_alone(alpha):
    hidden, head, logits, token_ids = draw()
    teacher = dense_from_logits(logits)
    known = torch.arange(len(token_ids)) % 3 > 0
    labels = torch.where(known, token_ids, -1)
    found = head_loss(hidden, head, [LossRequest(teacher if alpha else None, labels, alpha)])
    likelihood = negative_log_likelihood(head(hidden[known]), token_ids[known]).sum()
    expected = alpha * divergence(teacher, head(hidden)).sum() + (1 - alpha) * likelihood
    torch.testing.assert_close(found.total, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.nll, likelihood * (alpha < 1), rtol=1e-12, atol=0)
    inputs = [hidden, head.weight]
    for ours, theirs in zip(gradients(found.total, *inputs), gradients(expected, *inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-13)


def test_no_positions_cost_nothing_and_spoil_no_gradient():
    hidden, head, logits, token_ids = draw()
    loss = head_loss(hidden[:0], head, [LossRequest(dense_from_logits(logits[:0]), token_ids[:0])]).total
    loss.backward()
    assert loss == 0
    assert not head.weight.grad.any()


@pytest.mark.parametrize("kept", ["dense", "top-k", "sampled"])
def test_under_autocast_only_the_products_are_half_precision(kept):
    hidden, head, logits, token_ids = draw(torch.float32)
    teacher = teachers(logits, 1.0)[kept]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = head_loss(hidden, head, [LossRequest(teacher, token_ids, 0.5)]).total
    exact = slow(hidden, head, teacher, 0.5, token_ids, "forward-kl", 1.0)
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow, exact, rtol=5e-3, atol=0)
    for ours, theirs in zip(gradients(narrow, hidden, head.weight), gradients(exact, hidden, head.weight), strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() < 0.02 * theirs.norm()
