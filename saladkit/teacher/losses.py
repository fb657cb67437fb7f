"""What pulls the student to the teacher, in nats per text position.

The loss of the method: L = alpha * D(teacher, student) + (1 - alpha) * NLL, both only where the next token is text
(arXiv 2510.13632; D is the forward KL, full vocabulary, temperature 1).

Every teacher speaks of classes: all tokens of the vocabulary; or the kept tokens and one class for the rest; or the
tokens that were drawn, against all. A student's logits are merged into the same classes, and the divergence is one of
a few numbers a position.
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
    normalised,
)

DIVERGENCES = ("forward-kl", "reverse-kl", "jsd")


def divergence(teacher: Distributions, student_logits: Tensor, kind: str = "forward-kl") -> Tensor:
    """How far the student is from the teacher at each position.

    Args:
        teacher: P positions.
        student_logits: float [P, V], not normalised; already divided by the teacher's temperature.
        kind: of DIVERGENCES. `forward-kl` is KL(teacher || student); `jsd` weighs both halves equally.

    Returns:
        Nats, float [P], differentiable in the student. Exact for a dense teacher. For a top-k teacher it is the
        divergence after all tokens outside the top k are merged into one class, on both sides: never above the
        exact one, and zero only if the student agrees on every kept token and on the tail's mass. For a sampled
        teacher, `forward-kl` alone, the cross entropy of the sample: its mean over draws, and its gradient's, are the
        exact KL's plus the teacher's entropy.
    """
    logits = at_least_float32(student_logits)
    piece = teacher.piece(0, len(teacher)) if isinstance(teacher, HiddenDistributions) else teacher
    if isinstance(piece, DenseDistributions):
        return class_divergence(piece, torch.log_softmax(logits, dim=-1), kind)
    kept = logits.gather(-1, piece.kept_ids)
    return class_divergence(piece, torch.cat([kept, rest_of(piece, logits)[:, None]], dim=-1), kind)


def forward_kl(teacher: Distributions, student_logits: Tensor) -> Tensor:
    """KL(teacher || student) at each position, as `divergence`."""
    return divergence(teacher, student_logits)


def rest_of(teacher: TopKDistributions | SampledDistributions, logits: Tensor) -> Tensor:
    """The logit of the class beside the kept tokens, float [P]: of the tail (top-k), or of everything (sampled)."""
    if isinstance(teacher, TopKDistributions):
        logits = logits.scatter(-1, teacher.kept_ids, -math.inf)
    return logits.logsumexp(dim=-1)


def class_divergence(teacher: Piece, student: Tensor, kind: str) -> Tensor:
    """The divergence over a teacher's classes, float [P].

    Args:
        student: for a dense teacher log-probabilities [P, V]; for others the logits of the kept tokens, and last that
            of `rest_of`, [P, k + 1].
    """
    if isinstance(teacher, DenseDistributions):
        return _terms(teacher.log_probs.to(student), student, kind).sum(dim=-1)
    if isinstance(teacher, SampledDistributions):
        return student[:, -1] - (teacher.weights.to(student) * student[:, :-1]).sum(dim=-1)
    teacher = normalised(teacher)
    student = torch.log_softmax(student, dim=-1)
    kept = _terms(teacher.kept_log_probs.to(student), student[:, :-1], kind).sum(dim=-1)
    return kept + _terms(teacher.log_tail.to(student), student[:, -1], kind)


def _terms(teacher: Tensor, student: Tensor, kind: str) -> Tensor:
    """What each class adds to the divergence, from log-probabilities of one shape."""
    if kind == "forward-kl":
        return _kl_terms(teacher, student)
    if kind == "reverse-kl":
        # A teacher's probability below the least float would cost infinity; nothing is that impossible.
        return _kl_terms(student, teacher.clamp(min=math.log(torch.finfo(torch.float32).tiny)))
    nowhere = (teacher == -math.inf) & (student == -math.inf)  # logaddexp would make NaN of its gradient
    middle = torch.logaddexp(teacher, torch.where(nowhere, 0.0, student)) - math.log(2)
    return (_kl_terms(teacher, middle) + _kl_terms(student, middle)) / 2


def _kl_terms(p: Tensor, q: Tensor) -> Tensor:
    """exp(p) * (p - q); zero where exp(p) is zero, whatever q is."""
    # Where p is -inf its own value would make NaN of the gradient; any finite one is multiplied by zero.
    there = p > -math.inf
    p, q = torch.where(there, p, 0.0), torch.where(there, q, 0.0)
    return torch.where(there, p.exp() * (p - q), 0.0)


def negative_log_likelihood(student_logits: Tensor, token_ids: Tensor) -> Tensor:
    """-log q(token) at each position: logits [P, V], ids [P] -> nats [P]."""
    return torch.nn.functional.cross_entropy(at_least_float32(student_logits), token_ids, reduction="none")
