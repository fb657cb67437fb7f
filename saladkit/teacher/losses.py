"""Distillation losses: divergences of the student from the teacher, in nats per text position.

The loss of the method: L = alpha * D(teacher, student) + (1 - alpha) * NLL, both only where the next token is text
(arXiv 2510.13632; D is the forward KL, full vocabulary, temperature 1).

A teacher's distribution has classes: all tokens of the vocabulary (dense), the kept tokens and one class for all others
(top-k), or the drawn tokens against the whole vocabulary (sampled). The student's logits are merged into the same
classes, so that a sparse divergence is computed from a few numbers per position.
"""

import math

import torch
from torch import Tensor

from saladkit.teacher.distributions import (
    DenseDistributions,
    Distributions,
    HiddenDistributions,
    Piece,
    SampledDistributions,
    TopKDistributions,
    at_least_float32,
    normalise,
)

DIVERGENCES = ("forward-kl", "reverse-kl", "jsd")


def divergence(teacher: Distributions, student_logits: Tensor, kind: str = "forward-kl") -> Tensor:
    """Compute the divergence of the student from the teacher at each position.

    Args:
        teacher: P positions.
        student_logits: float [P, V], not normalised; already divided by the teacher's temperature.
        kind: one of DIVERGENCES. `forward-kl` is KL(teacher || student), `reverse-kl` is KL(student || teacher), and
            `jsd` is the Jensen-Shannon divergence with equal weights. A sampled teacher supports `forward-kl` only.

    Returns:
        The divergence in nats, float [P], differentiable in the student's logits:

        - Dense teacher: exact.
        - Top-k teacher: the divergence after all tokens outside the top k are merged into one class for teacher and
          student. It is never above the exact divergence, and zero only if the student agrees on every kept token and
          on the probability of the tail.
        - Sampled teacher: the cross entropy with the drawn tokens. Its expectation is the exact KL plus the teacher's
          entropy, so that its gradient is unbiased.
    """
    logits = at_least_float32(student_logits)
    piece = teacher.piece(0, len(teacher)) if isinstance(teacher, HiddenDistributions) else teacher
    if isinstance(piece, DenseDistributions):
        return class_divergence(piece, torch.log_softmax(logits, dim=-1), kind)
    kept = piece.student_logits(logits) if isinstance(piece, TopKDistributions) else logits.gather(-1, piece.kept_ids)
    return class_divergence(piece, torch.cat([kept, remainder_logit(piece, logits)[:, None]], dim=-1), kind)


def forward_kl(teacher: Distributions, student_logits: Tensor) -> Tensor:
    """Compute KL(teacher || student) at each position, as `divergence`."""
    return divergence(teacher, student_logits)


def remainder_logit(teacher: TopKDistributions | SampledDistributions, logits: Tensor) -> Tensor:
    """Return the student's logit of the tail (top-k) or of the whole vocabulary (sampled), float [P]."""
    if isinstance(teacher, TopKDistributions):
        logits = teacher.without_kept(logits.clone())
    return logits.logsumexp(dim=-1)


def class_divergence(teacher: Piece, student: Tensor, kind: str) -> Tensor:
    """Compute the divergence over the teacher's classes, float [P].

    Args:
        student: for a dense teacher log-probabilities [P, V]; otherwise the logits of the kept tokens and, last,
            `remainder_logit`, [P, k + 1].
        kind: one of DIVERGENCES.
    """
    if isinstance(teacher, DenseDistributions):
        return _terms(teacher.log_probs.to(student), student, kind).sum(dim=-1)
    if isinstance(teacher, SampledDistributions):
        return student[:, -1] - (teacher.weights.to(student) * student[:, :-1]).sum(dim=-1)
    teacher = normalise(teacher)
    student = torch.log_softmax(student, dim=-1)
    kept = _terms(teacher.kept_log_probs.to(student), student[:, :-1], kind).sum(dim=-1)
    return kept + _terms(teacher.log_tail.to(student), student[:, -1], kind)


def _terms(teacher: Tensor, student: Tensor, kind: str) -> Tensor:
    """Return the summand of each class, given log-probabilities of the same shape."""
    if kind == "forward-kl":
        return _kl_terms(teacher, student)
    if kind == "reverse-kl":
        # A teacher's probability of 0 would make the loss infinite, so it counts as the smallest positive float.
        return _kl_terms(student, teacher.clamp(min=math.log(torch.finfo(torch.float32).tiny)))
    if kind != "jsd":
        raise ValueError(f"there is no divergence {kind}")
    impossible = (teacher == -math.inf) & (student == -math.inf)  # the gradient of logaddexp would be NaN here
    middle = torch.logaddexp(teacher, torch.where(impossible, 0.0, student)) - math.log(2)
    return (_kl_terms(teacher, middle) + _kl_terms(student, middle)) / 2


def _kl_terms(p: Tensor, q: Tensor) -> Tensor:
    """Return exp(p) * (p - q), or zero where exp(p) is zero."""
    # Where p is -inf the gradient would be NaN. A finite value in its place is multiplied by zero.
    possible = p > -math.inf
    p, q = torch.where(possible, p, 0.0), torch.where(possible, q, 0.0)
    return torch.where(possible, p.exp() * (p - q), 0.0)
