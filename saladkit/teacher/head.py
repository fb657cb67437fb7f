"""The language model's head and the loss behind it, in pieces of positions: no [positions, V] tensor ever lives.

A piece's logits are computed, its loss and the gradient of its logits taken, the gradient multiplied into those of
hidden states and head, and the piece forgotten; what backward has left to do is to scale. For a sparse teacher all
that is wide, one buffer of [piece, V], is written in place: with u the logits of the kept tokens and t the log-sum-exp
of the rest, the loss is a function of (u, t) alone, its gradient in (u, t) is a few numbers a position, and that in a
logit z of the rest is dt * exp(z - t).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.distributed.fsdp import FSDPModule

from saladkit.teacher.distributions import (
    DenseDistributions,
    Distributions,
    Piece,
    TopKDistributions,
    at_least_float32,
    exponentiate,
)
from saladkit.teacher.losses import class_divergence, divergence

# Of float32 logits. On two cores, V = 151,936 and H = 896, pieces of 64, 128, 256 and 512 MiB took 7.0, 5.9, 5.5 and
# 5.4 s for 880 positions, and with a head that learns 9.4, 8.5, 7.5 and 7.6: a matrix product wants rows.
CPU_PIECE_BYTES, GPU_PIECE_BYTES = 256 * 2**20, 2**30


@dataclass(frozen=True)
class LossAt:
    """What is asked of P positions.

    Attributes:
        teacher: P positions; None where alpha is 0.
        token_ids: int64 [P], the true next tokens.
        alpha: the weight of the divergence; 1 - alpha is that of the negative log-likelihood.
        kind: of `losses.DIVERGENCES`.
        temperature: what the student's logits are divided by before they are compared; the divergence is multiplied
            by its square, so that its gradient keeps its size (Hinton et al. 2015, arXiv 1503.02531, section 2).
    """

    teacher: Distributions | None
    token_ids: Tensor
    alpha: float = 1.0
    kind: str = "forward-kl"
    temperature: float = 1.0

    def __len__(self) -> int:
        return len(self.token_ids)

    def piece(self, begin: int, end: int) -> "LossAt":
        """Positions [begin, end)."""
        teacher = None if self.alpha == 0 or self.teacher is None else self.teacher.piece(begin, end)
        return replace(self, teacher=teacher, token_ids=self.token_ids[begin:end])


@dataclass(frozen=True)
class HeadLoss:
    """Sums over P positions, in nats.

    Attributes:
        total: alpha * divergence + (1 - alpha) * NLL, differentiable.
        divergence, nll: the sums of the two, each over the positions where it counts; detached.
    """

    total: Tensor
    divergence: Tensor
    nll: Tensor


def head_loss(hidden: Tensor, head: nn.Module, asked: list[LossAt]) -> HeadLoss:
    """The loss of the head's logits, summed over positions.

    Args:
        hidden: float [P, H], the last hidden states at the positions of all that is asked, one after another.
        head: a linear layer [H -> V]; nothing but its weight and bias is looked at.
    """
    if isinstance(head, FSDPModule):
        head.unshard()  # it is not run as a layer, which would do this
    weight, bias = head.weight, getattr(head, "bias", None)
    if torch.is_autocast_enabled(hidden.device.type):
        narrow = torch.get_autocast_dtype(hidden.device.type)
        hidden, weight = hidden.to(narrow), weight.to(narrow)
        bias = None if bias is None else bias.to(narrow)
    return HeadLoss(*_HeadLoss.apply(hidden, weight, bias, asked))


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # what torch keeps on it is not in its types
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        asked: list[LossAt],
    ) -> tuple[Tensor, Tensor, Tensor]:
        wanted = ctx.needs_input_grad[:3]
        exact = torch.promote_types(hidden.dtype, torch.float32)
        sums = torch.zeros(3, dtype=exact, device=hidden.device)
        of_hidden = torch.zeros_like(hidden) if wanted[0] else None
        # Pieces are added up: half precision would lose the small ones.
        of_weight = torch.zeros_like(weight, dtype=exact) if wanted[1] else None
        of_bias = torch.zeros_like(bias, dtype=exact) if bias is not None and wanted[2] else None
        size = positions_a_piece(weight)
        buffer = torch.empty(min(size, len(hidden)), weight.shape[0], dtype=hidden.dtype, device=hidden.device)
        for begin, piece in _pieces(asked, size):
            here = slice(begin, begin + len(piece))
            logits = torch.mm(hidden[here], weight.T, out=buffer[: len(piece)])
            logits = logits if bias is None else logits.add_(bias)
            found, gradient = piece_loss(at_least_float32(logits), piece)
            sums += found
            narrow = gradient if gradient.dtype == hidden.dtype else buffer[: len(piece)].copy_(gradient)
            if of_hidden is not None:
                torch.mm(narrow, weight, out=of_hidden[here])
            if of_weight is not None:
                _add_product(of_weight, narrow, hidden[here])
            if of_bias is not None:
                of_bias += gradient.sum(dim=0)
        ctx.gradients = [
            None if gradient is None or like is None else gradient.to(like.dtype)
            for gradient, like in zip((of_hidden, of_weight, of_bias), (hidden, weight, bias), strict=True)
        ]
        total, divergence_sum, nll = sums.clone().unbind()
        ctx.mark_non_differentiable(divergence_sum, nll)
        return total, divergence_sum, nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_total: Tensor, *_: Tensor) -> tuple:
        gradients = [None if gradient is None else gradient.mul_(of_total) for gradient in ctx.gradients]
        ctx.gradients = None
        return *gradients, None


def _pieces(asked: list[LossAt], size: int) -> Iterator[tuple[int, LossAt]]:
    """Each piece and its first position among all."""
    begin = 0
    for part in asked:
        for at in range(0, len(part), size):
            yield begin + at, part.piece(at, at + size)
        begin += len(part)


def _add_product(total: Tensor, gradient: Tensor, hidden: Tensor) -> None:
    if gradient.dtype == total.dtype:
        total.addmm_(gradient.T, hidden)
    else:
        total += gradient.T @ hidden


def positions_a_piece(weight: Tensor) -> int:
    """How many positions of float32 logits fill a piece; at least 16."""
    size = CPU_PIECE_BYTES if weight.device.type == "cpu" else GPU_PIECE_BYTES
    return max(16, size // (4 * weight.shape[0]))


def piece_loss(logits: Tensor, asked: LossAt) -> tuple[Tensor, Tensor]:
    """Sums of total, divergence and NLL [3], and the gradient of the total in `logits` [P, V], which is used up."""
    nothing = logits.new_zeros(())
    if asked.alpha == 0:
        nll, gradient = _likelihood_and_gradient(logits, asked)
        return torch.stack([nll, nothing, nll]), gradient
    apart = logits.clone() if asked.alpha < 1 and asked.temperature == 1 else logits
    divergence_sum, gradient = _divergence_and_gradient(
        apart if asked.temperature == 1 else logits / asked.temperature, asked
    )
    if asked.alpha == 1:
        return torch.stack([divergence_sum, divergence_sum, nothing]), gradient
    nll, of_nll = _likelihood_and_gradient(logits, asked)
    return torch.stack([asked.alpha * divergence_sum + (1 - asked.alpha) * nll, divergence_sum, nll]), gradient.add_(
        of_nll
    )


def _likelihood_and_gradient(logits: Tensor, asked: LossAt) -> tuple[Tensor, Tensor]:
    """The negative log-likelihood's sum, and its gradient times 1 - alpha; `logits` [P, V] is used up."""
    labels, weight = asked.token_ids[:, None], 1 - asked.alpha
    of_labels = logits.gather(-1, labels)[:, 0]
    mass, sums = exponentiate(logits)
    nll = (mass - of_labels).sum()
    gradient = logits.mul_((weight / sums)[:, None])
    return nll, gradient.scatter_add_(-1, labels, gradient.new_full(labels.shape, -weight))


def _divergence_and_gradient(logits: Tensor, asked: LossAt) -> tuple[Tensor, Tensor]:
    """The divergence's sum, and its gradient times alpha in the unscaled logits; `logits` [P, V] is used up."""
    teacher, square = asked.teacher, asked.temperature**2
    assert isinstance(teacher, Piece)  # `asked` is a piece of positions
    weight = asked.alpha * asked.temperature  # T^2 of the loss, 1 / T of the logits' scale
    if isinstance(teacher, DenseDistributions) and asked.kind == "forward-kl":  # in a third of autograd's buffers
        student, probs = logits.sub_(logits.logsumexp(dim=-1)[:, None]), teacher.log_probs.to(logits).exp()
        values = -torch.special.entr(probs).sum(dim=-1) - torch.linalg.vecdot(probs, student)
        return values.sum() * square, student.exp_().sub_(probs).mul_(weight)
    if isinstance(teacher, DenseDistributions):
        with torch.enable_grad():
            leaf = logits.detach().requires_grad_()
            values = divergence(teacher, leaf, asked.kind)
            (gradient,) = torch.autograd.grad(weight * values.sum(), leaf)
        return values.detach().sum() * square, gradient
    kept = logits.gather(-1, teacher.kept_ids)
    if isinstance(teacher, TopKDistributions):
        logits.scatter_(-1, teacher.kept_ids, -math.inf)
    rest, sums = exponentiate(logits)
    with torch.enable_grad():
        classes = torch.cat([kept, rest[:, None]], dim=-1).requires_grad_()
        values = class_divergence(teacher, classes, asked.kind)
        (of_classes,) = torch.autograd.grad(weight * values.sum(), classes)
    # Where the top k is the whole vocabulary nothing is left: 0 times something finite, not 0 / 0.
    logits.mul_(of_classes[:, -1:] / sums.clamp(min=1)[:, None])
    logits.scatter_add_(-1, teacher.kept_ids, of_classes[:, :-1])
    return values.detach().sum() * square, logits
