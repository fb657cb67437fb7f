"""What pulls the student to the teacher, in nats per text position.

The loss of the method: L = alpha * KL(teacher || student) + (1 - alpha) * NLL, both only where the next token
is text (arXiv 2510.13632; forward KL, full vocabulary, temperature 1).
"""

import torch
from torch import Tensor

from saladkit.teacher.distributions import (
    DenseDistributions,
    Distributions,
    TopKDistributions,
    at_least_float32,
    log_mass_outside,
    normalised,
)


def forward_kl(teacher: Distributions, student_logits: Tensor) -> Tensor:
    """KL(teacher || student) at each position.

    Args:
        teacher: P positions.
        student_logits: float [P, V], not normalised.

    Returns:
        Nats, float [P], differentiable in the student. Exact for a dense teacher. For a top-k teacher it is the
        divergence after all tokens outside the top k are merged into one class, on both sides: never above the
        exact one, and zero only if the student agrees on every kept token and on the tail's mass.
    """
    student = torch.log_softmax(at_least_float32(student_logits), dim=-1)
    if isinstance(teacher, DenseDistributions):
        return _kl_terms(teacher.log_probs.to(student), student).sum(dim=-1)
    return _top_k_kl(normalised(teacher), student)


def _top_k_kl(teacher: TopKDistributions, student: Tensor) -> Tensor:
    kept = _kl_terms(teacher.kept_log_probs.to(student), student.gather(-1, teacher.kept_ids))
    if teacher.kept_ids.shape[-1] == student.shape[-1]:  # nothing is left for a tail
        return kept.sum(dim=-1)
    tail = _kl_terms(teacher.log_tail.to(student), log_mass_outside(student, teacher.kept_ids))
    return kept.sum(dim=-1) + tail


def _kl_terms(teacher_log_probs: Tensor, student_log_probs: Tensor) -> Tensor:
    """p * (log p - log q); zero where p is zero, whatever q is."""
    probs = teacher_log_probs.exp()
    terms = probs * (teacher_log_probs - student_log_probs)
    return torch.where(probs > 0, terms, torch.zeros_like(terms))


def negative_log_likelihood(student_logits: Tensor, token_ids: Tensor) -> Tensor:
    """-log q(token) at each position: logits [P, V], ids [P] -> nats [P]."""
    return torch.nn.functional.cross_entropy(at_least_float32(student_logits), token_ids, reduction="none")


def distillation_loss(teacher: Distributions | None, student_logits: Tensor, token_ids: Tensor, alpha: float) -> Tensor:
    """alpha * KL + (1 - alpha) * NLL at each position, float [P]; `teacher` may be None where alpha is 0."""
    loss = torch.zeros(
        student_logits.shape[0], dtype=at_least_float32(student_logits).dtype, device=student_logits.device
    )
    if alpha > 0:
        loss = loss + alpha * forward_kl(teacher, student_logits)
    if alpha < 1:
        loss = loss + (1 - alpha) * negative_log_likelihood(student_logits, token_ids)
    return loss
