"""Heads of one tokenizer that are padded to two sizes, and heads that rule tokens out, against float64 twins."""

import math

import pytest
import torch

from saladkit.errors import SaladError
from saladkit.teacher import head as module
from saladkit.teacher.distributions import (
    HiddenDistributions,
    SampledDistributions,
    dense_from_logits,
    shared_vocabulary,
    top_k_from_logits,
)
from saladkit.teacher.head import LossRequest, head_loss
from saladkit.teacher.losses import DIVERGENCES, divergence

POSITIONS, WIDTH, TOKENS = 21, 5, 17
STUDENT, TEACHER = 19, 23  # heads of one tokenizer of 17 tokens


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(module, "CPU_PIECE_BYTES", 0)


def draw(rows, seed, positions=POSITIONS):
    torch.manual_seed(seed)
    return torch.randn(positions, WIDTH, dtype=torch.float64), torch.nn.Linear(WIDTH, rows).double()


def kl(p, q):
    """KL(p || q) of two lists of probabilities."""
    return math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def over_tokens(logits):
    """Probabilities of the tokenizer's tokens alone, as a list."""
    return torch.softmax(logits[:TOKENS], dim=-1).tolist()


@pytest.mark.parametrize(
    ("tokenizer", "student", "teacher", "expected"),
    [
        (151_665, 151_936, 151_936, None),  # Qwen2.5 3B and 3B
        (151_665, 151_936, 152_064, 151_665),  # Qwen2.5 3B and 7B
        (151_665, 152_064, 151_936, 151_665),
        (262_145, 262_144, 262_208, 262_144),  # Gemma 3, whose tokenizer has one id more
    ],
)
def test_heads_are_cut_to_the_tokenizer_s_size_where_they_differ(tokenizer, student, teacher, expected):
    assert shared_vocabulary(tokenizer, student, teacher) == expected


@pytest.mark.parametrize(("rows", "others"), [(STUDENT, TEACHER), (TEACHER, STUDENT), (TOKENS, TEACHER)])
@pytest.mark.parametrize("kind", DIVERGENCES)
def test_a_live_teacher_is_compared_over_the_tokens_of_the_tokenizer(rows, others, kind):
    (hidden, student), (of_teacher, teacher) = draw(rows, 0), draw(others, 1)
    labels = torch.randint(0, TOKENS, (POSITIONS,))
    live = HiddenDistributions(of_teacher, teacher, vocabulary=shared_vocabulary(TOKENS, rows, others))
    hidden.requires_grad_()
    found = head_loss(hidden, student, [LossRequest(live, labels, 0.4, kind, vocabulary=TOKENS)])
    p, logits = dense_from_logits(teacher(of_teacher)[:, :TOKENS].detach()), student(hidden)[:, :TOKENS]
    nll = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    expected = 0.4 * divergence(p, logits, kind).sum() + 0.6 * nll
    torch.testing.assert_close(found.total, expected, rtol=1e-12, atol=0)
    inputs = [hidden, *student.parameters()]
    ours, theirs = (torch.autograd.grad(loss, inputs) for loss in (found.total, expected))
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-13)
    assert not ours[1][TOKENS:].any()


@pytest.mark.parametrize("rows", [TOKENS, STUDENT, TEACHER])
@pytest.mark.parametrize("k", [1, 4, 12])
@pytest.mark.parametrize("kind", DIVERGENCES)
def test_kept_tokens_beyond_the_tokenizer_are_taken_out_of_a_cached_top_k(rows, k, kind):
    (hidden, student), (of_teacher, teacher) = draw(rows, 2), draw(TEACHER, 3)
    kept = top_k_from_logits(teacher(of_teacher).detach(), k)
    assert (kept.kept_ids >= TOKENS).any() and (kept.kept_ids < TOKENS).any()
    hidden.requires_grad_()
    labels = torch.zeros(POSITIONS, dtype=torch.int64)
    request = LossRequest(kept.within(TOKENS), labels, 1.0, kind, vocabulary=TOKENS)
    found = head_loss(hidden, student, [request]).total
    logits, expected = student(hidden)[:, :TOKENS], []
    for position in range(POSITIONS):
        ids = [i for i in kept.kept_ids[position].tolist() if i < TOKENS]
        rest = [i for i in range(TOKENS) if i not in ids]
        log_probs = dict(zip(kept.kept_ids[position].tolist(), kept.kept_log_probs[position].tolist(), strict=True))
        p = [math.exp(log_probs[i]) for i in ids] + [math.exp(kept.log_tail[position])]
        p = torch.tensor([value / math.fsum(p) for value in p], dtype=torch.float64)
        of_student = torch.softmax(logits[position], dim=-1)
        q = torch.cat([of_student[ids], of_student[rest].sum()[None]])
        pairs = {"forward-kl": [(p, q)], "reverse-kl": [(q, p)], "jsd": [(p, (p + q) / 2), (q, (p + q) / 2)]}[kind]
        expected.append(sum((a * (a / b).log()).sum() for a, b in pairs) / len(pairs))
    torch.testing.assert_close(found, torch.stack(expected).sum(), rtol=1e-10, atol=0)
    (ours,), (theirs,) = (torch.autograd.grad(loss, [hidden]) for loss in (found, torch.stack(expected).sum()))
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-12)


def test_draws_beyond_the_tokenizer_are_taken_out_of_a_cached_sample():
    ids = torch.tensor([[3, 20, 5], [18, 2, 0]])
    weights = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]], dtype=torch.float64)
    found = SampledDistributions(ids, weights).within(TOKENS)
    expected = torch.tensor([[2 / 3, 0, 1 / 3], [0, 1, 0]], dtype=torch.float64)
    torch.testing.assert_close(found.weights, expected)
    assert (found.kept_ids < TOKENS).all()
    with pytest.raises(SaladError, match="no token that the tokenizer knows"):
        SampledDistributions(ids[:, :1] + 17, weights[:, :1]).within(TOKENS)


@pytest.mark.parametrize("ruled_out", ["student", "teacher", "both"])
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_a_bias_of_minus_infinity_costs_nothing_where_both_have_it(ruled_out, alpha):
    (hidden, student), (of_teacher, teacher) = draw(TOKENS, 4), draw(TOKENS, 5)
    with torch.no_grad():
        for name, head in (("student", student), ("teacher", teacher)):
            if ruled_out in (name, "both"):
                head.bias[[2, 16]] = -math.inf
    hidden.requires_grad_()
    labels = torch.full((POSITIONS,), 4)
    found = head_loss(hidden, student, [LossRequest(HiddenDistributions(of_teacher, teacher), labels, alpha)])
    if ruled_out == "student":  # the teacher may say what the student never will
        assert found.divergence == math.inf
        return
    pairs = zip(teacher(of_teacher).detach(), student(hidden).detach(), strict=True)
    expected = math.fsum(kl(over_tokens(p), over_tokens(q)) for p, q in pairs)
    assert found.divergence.item() == pytest.approx(expected, rel=1e-12)
    (gradient,) = torch.autograd.grad(found.total, hidden)
    assert gradient.isfinite().all() and gradient.any()
