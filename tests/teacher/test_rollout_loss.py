"""The losses of rollouts: against all texts of a small world, against autograd, and at their fixed point."""

import itertools
import math

import pytest
import torch
from torch.nn import functional

from saladkit.teacher.distributions import (
    DenseDistributions,
    SampledDistributions,
    dense_from_logits,
    top_k_from_logits,
)
from saladkit.teacher.head import LossRequest, head_loss
from saladkit.teacher.losses import divergence
from saladkit.teacher.rollout_loss import (
    LABEL,
    MOST_RATIO,
    OUTSIDE,
    RATIO,
    ROLLOUT_LOSSES,
    RolloutRequest,
    label_log_probs,
    sampled_weights,
)

VOCABULARY, LENGTH = 5, 3
POSITIONS = 7
UNBOUNDED = (0.0, math.inf)


def random(*shape, seed, spread=1.0):
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(*shape, generator=generator, dtype=torch.float64)


class Writer:
    """A model of texts of three tokens out of five: a table of logits for every past."""

    def __init__(self, seed, spread=1.0):
        pasts = [past for n in range(LENGTH) for past in itertools.product(range(VOCABULARY), repeat=n)]
        self.rows = {past: row for row, past in enumerate(pasts)}
        self.logits = random(len(pasts), VOCABULARY, seed=seed, spread=spread)

    def log_probs(self, logits=None):
        return torch.log_softmax(self.logits if logits is None else logits, dim=-1)


def all_texts():
    return itertools.product(range(VOCABULARY), repeat=LENGTH)


def chance_of(writer, text):
    """Probability that a writer writes a text, and the rows and tokens of its three states."""
    rows = [writer.rows[text[:t]] for t in range(LENGTH)]
    return math.exp(sum(writer.log_probs()[row, token] for row, token in zip(rows, text, strict=True))), rows


def expected_gradient(student, behaviour, teacher, *, baseline, ratio):
    """The gradient of the sampled loss in the student's logits, summed over every text that `behaviour` may write."""
    leaf = student.logits.clone().requires_grad_()
    own, total = student.log_probs(leaf), 0.0
    for text in all_texts():
        chance, rows = chance_of(behaviour, text)
        tokens = torch.tensor(text)
        at, mu = own[rows, tokens], behaviour.log_probs()[rows, tokens]
        added = divergence(DenseDistributions(teacher.log_probs()[rows]), leaf[rows].detach(), "reverse-kl")
        _, weights = sampled_weights(
            at, mu if ratio else at.detach(), teacher.log_probs()[rows, tokens], added * baseline, UNBOUNDED
        )
        total = total - chance * (weights * at).sum()
    return torch.autograd.grad(total, leaf)[0]


def gradient_of_token_kl(student, states_of, teacher):
    """The gradient of KL(student || teacher), token by token, at the states that another writer comes to."""
    leaf = student.logits.clone().requires_grad_()
    own, total = student.log_probs(leaf), 0.0
    kl = (own.exp() * (own - teacher.log_probs())).sum(dim=-1)
    for text in all_texts():
        chance, rows = chance_of(states_of, text)
        total = total + chance * kl[rows].sum()
    return torch.autograd.grad(total, leaf)[0]


@pytest.mark.parametrize("baseline", [0.0, 1.0])
def test_the_sampled_loss_has_the_gradient_of_the_reverse_kl_of_each_token(baseline):
    student, teacher = Writer(0), Writer(1)
    found = expected_gradient(student, student, teacher, baseline=baseline, ratio=True)
    torch.testing.assert_close(found, gradient_of_token_kl(student, student, teacher), rtol=0, atol=1e-12)


@pytest.mark.parametrize("baseline", [0.0, 1.0])
def test_rollouts_of_an_earlier_student_need_their_ratios(baseline):
    student, earlier, teacher = Writer(0), Writer(2), Writer(1)
    wanted = gradient_of_token_kl(student, earlier, teacher)
    found = expected_gradient(student, earlier, teacher, baseline=baseline, ratio=True)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    wrong = expected_gradient(student, earlier, teacher, baseline=baseline, ratio=False)
    assert (wrong - wanted).norm() > 0.1 * wanted.norm()


def request(teacher, kind, tokens, behaviour=None, **others):
    behaviour = torch.zeros(len(tokens), dtype=torch.float64) if behaviour is None else behaviour
    figures = torch.full((len(tokens), 3), math.nan, dtype=torch.float64)
    measured = torch.full((len(tokens),), math.nan, dtype=torch.float64)
    return RolloutRequest(teacher, tokens, kind=kind, behaviour=behaviour, figures=figures, measured=measured, **others)


def teacher_of(kind, logits):
    return top_k_from_logits(logits, 6) if kind == "top-k" else dense_from_logits(logits)


@pytest.mark.parametrize("teacher", ["dense", "top-k"])
@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.1, 0.6])
def test_the_sampled_loss_by_pieces_is_that_of_autograd(monkeypatch, teacher, shift):
    monkeypatch.setattr("saladkit.teacher.head.positions_a_piece", lambda weight: 3)
    hidden = random(POSITIONS, 4, seed=3).requires_grad_()
    head = torch.nn.Linear(4, 11, dtype=torch.float64)
    given = teacher_of(teacher, random(POSITIONS, 11, seed=4, spread=2.0))
    tokens = given.kept_ids[:, 2] if teacher == "top-k" else torch.arange(POSITIONS) % 11
    own = torch.log_softmax(head(hidden), dim=-1).gather(-1, tokens[:, None])[:, 0]
    asked = request(given, "sampled", tokens, own.detach() - shift)
    inputs = (hidden, head.weight, head.bias)
    found = head_loss(hidden, head, [asked])
    by_pieces = torch.autograd.grad(found.total, inputs)
    advantage = label_log_probs(given, tokens) - own + divergence(given, head(hidden), "reverse-kl")
    weight = min(max(math.exp(shift), 0.8), 1.28)
    twin = -((weight * advantage).detach() * own).sum()
    torch.testing.assert_close(found.total, twin)
    for one, other in zip(by_pieces, torch.autograd.grad(twin, inputs), strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(asked.figures[:, RATIO], torch.full_like(own, math.exp(shift)).detach())
    assert (asked.figures[:, RATIO] > MOST_RATIO).all() == (shift > 0.3)


@pytest.mark.parametrize("teacher", ["dense", "top-k"])
@pytest.mark.parametrize("kind", ["forward-kl", "reverse-kl", "jsd"])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_divergences_of_rollouts_are_those_of_other_rows(teacher, kind, temperature):
    hidden = random(POSITIONS, 4, seed=5).requires_grad_()
    head = torch.nn.Linear(4, 11, bias=False, dtype=torch.float64)
    given = teacher_of(teacher, random(POSITIONS, 11, seed=6))
    tokens = torch.arange(POSITIONS)
    asked = request(given, kind, tokens, temperature=temperature)
    other = LossRequest(given, tokens, kind=kind, temperature=temperature)
    of_rollouts, of_rows = (head_loss(hidden, head, [one]) for one in (asked, other))
    torch.testing.assert_close(of_rollouts.total, of_rows.total)
    for ours, theirs in zip(
        torch.autograd.grad(of_rollouts.total, (hidden, head.weight)),
        torch.autograd.grad(of_rows.total, (hidden, head.weight)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(asked.measured.sum(), of_rows.divergence)
    assert of_rollouts.divergence == 0  # it is that of other rows alone
    outside = asked.figures[:, OUTSIDE]
    if teacher == "top-k" and kind == "reverse-kl":
        kept = torch.softmax(head(hidden), dim=-1).gather(-1, given.kept_ids).sum(dim=-1)
        torch.testing.assert_close(outside, 1 - kept.detach())
    else:
        assert outside.isnan().all()


@pytest.mark.parametrize("teacher", ["dense", "top-k"])
@pytest.mark.parametrize("kind", ROLLOUT_LOSSES)
def test_a_student_that_is_its_teacher_has_nothing_to_learn(teacher, kind):
    logits = random(POSITIONS, 11, seed=7)
    given, tokens = teacher_of(teacher, logits), logits.argmax(dim=-1)
    own = torch.log_softmax(logits, dim=-1).gather(-1, tokens[:, None])[:, 0]
    asked = request(given, kind, tokens, own)
    _, gradient = asked.loss(logits.clone())
    assert (asked.measured.abs() <= 1e-6).all() and (gradient.abs() <= 1e-6).all()
    torch.testing.assert_close(asked.figures[:, LABEL], own)
    if kind == "sampled":
        torch.testing.assert_close(asked.figures[:, RATIO], torch.ones_like(own))


def test_a_teacher_tells_the_probability_of_the_tokens_that_it_keeps():
    logits = random(3, 11, seed=8)
    exact = torch.log_softmax(logits, dim=-1)
    for tokens in (torch.tensor([0, 5, 10]), logits.argmin(dim=-1)):
        wanted = exact.gather(-1, tokens[:, None])[:, 0]
        torch.testing.assert_close(label_log_probs(dense_from_logits(logits), tokens), wanted)
        kept = top_k_from_logits(logits, 4)
        outside = ~(kept.kept_ids == tokens[:, None]).any(dim=-1)
        found = label_log_probs(kept, tokens)
        assert torch.equal(found.isnan(), outside)
        torch.testing.assert_close(found[~outside], wanted[~outside])
    draws = SampledDistributions(torch.zeros(3, 1, dtype=torch.int64), torch.ones(3, 1))
    assert label_log_probs(draws, torch.zeros(3, dtype=torch.int64)).isnan().all()


def test_a_token_that_the_student_does_not_have_is_no_other_token():
    kept = top_k_from_logits(random(2, 11, seed=9), 11).within(6)
    found = label_log_probs(kept, torch.tensor([0, 0]))
    at = (kept.kept_ids == 0) & ~kept.absent
    torch.testing.assert_close(found, kept.kept_log_probs[at])


def test_a_token_that_the_teacher_rules_out_has_a_finite_weight():
    teacher = dense_from_logits(torch.tensor([[0.0, 0.0, -math.inf]], dtype=torch.float64))
    asked = request(teacher, "sampled", torch.tensor([2]), torch.tensor([-1.0], dtype=torch.float64))
    total, gradient = asked.loss(torch.zeros(1, 3, dtype=torch.float64))
    assert total.isfinite().all() and gradient.isfinite().all() and gradient[0, 2] > 0  # away from the token
    assert functional.softmax(torch.zeros(1, 3) - gradient, dim=-1)[0, 2] < 1 / 3
