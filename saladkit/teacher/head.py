"""The language model's head and the loss on its logits, computed piece by piece to save memory.

A [positions, V] tensor is never allocated. For each piece of positions, `forward` computes the logits, the loss and the
gradient of the logits, adds this gradient's contributions to the gradients of hidden states and head, and discards the
logits; `backward` only scales the gradients.

For a sparse teacher everything happens in place in one buffer [piece, V]. Let u be the logits of the kept tokens and t
the log-sum-exp of the others. The loss depends on (u, t) alone, so that its gradient in (u, t) is a few numbers per
position, and the gradient in the logit z of another token is dt * exp(z - t).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

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

# Size of a piece as float32 logits. A matrix product is slow on few rows: on two cores, with V = 151,936 and H = 896,
# pieces of 64, 128, 256 and 512 MiB took 7.0, 5.9, 5.5 and 5.4 s for 880 positions, and 9.4, 8.5, 7.5 and 7.6 s with a
# head that is trained.
CPU_PIECE_BYTES, GPU_PIECE_BYTES = 256 * 2**20, 2**30


@dataclass(frozen=True)
class LossRequest:
    """The loss to compute at P positions: alpha * divergence + (1 - alpha) * NLL.

    Attributes:
        teacher: distributions at the P positions; None if alpha is 0.
        token_ids: int64 [P], the true next tokens; negative where there is none, so that the position has no NLL.
        alpha: weight of the divergence; the negative log-likelihood has weight 1 - alpha.
        kind: one of `losses.DIVERGENCES`.
        temperature: divisor of the student's logits in the divergence. The divergence is multiplied by its square, so
            that the size of the gradient does not depend on it (Hinton et al. 2015, arXiv 1503.02531, section 2).
        vocabulary: number of first tokens that the loss is over, as the teacher's distributions are; None for all that
            the head scores.
        measured: float [P], into which the divergences of the positions are written; None for none.
    """

    teacher: Distributions | None
    token_ids: Tensor
    alpha: float = 1.0
    kind: str = "forward-kl"
    temperature: float = 1.0
    vocabulary: int | None = None
    measured: Tensor | None = None

    def __len__(self) -> int:
        return len(self.token_ids)

    def piece(self, begin: int, end: int) -> Self:
        """Return the request for positions [begin, end)."""
        teacher = None if self.alpha == 0 or self.teacher is None else self.teacher.piece(begin, end)
        measured = None if self.measured is None else self.measured[begin:end]
        return replace(self, teacher=teacher, token_ids=self.token_ids[begin:end], measured=measured)

    def loss(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the loss of a piece, as `piece_loss`."""
        return piece_loss(logits, self)


@dataclass(frozen=True)
class HeadLoss:
    """Losses summed over positions, in nats.

    Attributes:
        total: alpha * divergence + (1 - alpha) * NLL, differentiable.
        divergence, nll: unweighted sums, each over the positions where its weight is not zero; detached.
    """

    total: Tensor
    divergence: Tensor
    nll: Tensor


def head_loss(hidden: Tensor, head: nn.Module, requests: list[LossRequest]) -> HeadLoss:
    """Compute the loss of the head's logits, summed over positions.

    Args:
        hidden: float [P, H], the last hidden states at the positions of all requests, one request after another.
        head: linear layer [H -> V]; only its weight and bias are used.
    """
    if isinstance(head, FSDPModule):
        head.unshard()  # FSDP does this when a layer is called, and this layer is not
    weight, bias = head.weight, getattr(head, "bias", None)
    if torch.is_autocast_enabled(hidden.device.type):
        narrow = torch.get_autocast_dtype(hidden.device.type)
        hidden, weight = hidden.to(narrow), weight.to(narrow)
        bias = None if bias is None else bias.to(narrow)
    return HeadLoss(*_HeadLoss.apply(hidden, weight, bias, requests))


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # what torch keeps on it is not in its types
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        requests: list[LossRequest],
    ) -> tuple[Tensor, Tensor, Tensor]:
        wanted = ctx.needs_input_grad[:3]
        exact = torch.promote_types(hidden.dtype, torch.float32)
        sums = torch.zeros(3, dtype=exact, device=hidden.device)
        hidden_gradient = torch.zeros_like(hidden) if wanted[0] else None
        # Contributions of many pieces are added up: in half precision the small ones would be lost.
        weight_gradient = torch.zeros_like(weight, dtype=exact) if wanted[1] else None
        bias_gradient = torch.zeros_like(bias, dtype=exact) if bias is not None and wanted[2] else None
        size = positions_a_piece(weight)
        buffer = torch.empty(min(size, len(hidden)) * weight.shape[0], dtype=hidden.dtype, device=hidden.device)
        for begin, piece in _pieces(requests, size):
            here, rows = slice(begin, begin + len(piece)), weight[: piece.vocabulary]
            place = buffer[: len(piece) * len(rows)].view(len(piece), len(rows))
            logits = torch.mm(hidden[here], rows.T, out=place)
            logits = logits if bias is None else logits.add_(bias[: piece.vocabulary])
            found, gradient = piece.loss(at_least_float32(logits))
            sums += found
            narrow = gradient if gradient.dtype == hidden.dtype else place.copy_(gradient)
            if hidden_gradient is not None:
                torch.mm(narrow, rows, out=hidden_gradient[here])
            if weight_gradient is not None:
                _add_product(weight_gradient[: piece.vocabulary], narrow, hidden[here])
            if bias_gradient is not None:
                bias_gradient[: piece.vocabulary] += gradient.sum(dim=0)
        ctx.gradients = [
            None if gradient is None or like is None else gradient.to(like.dtype)
            for gradient, like in zip(
                (hidden_gradient, weight_gradient, bias_gradient), (hidden, weight, bias), strict=True
            )
        ]
        total, divergence_sum, nll = sums.clone().unbind()
        ctx.mark_non_differentiable(divergence_sum, nll)
        return total, divergence_sum, nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, total_gradient: Tensor, *_: Tensor) -> tuple:
        gradients = [None if gradient is None else gradient.mul_(total_gradient) for gradient in ctx.gradients]
        ctx.gradients = None
        return *gradients, None


def _pieces(requests: list[LossRequest], size: int) -> Iterator[tuple[int, LossRequest]]:
    """Yield each piece with its first position among the positions of all requests."""
    begin = 0
    for request in requests:
        for at in range(0, len(request), size):
            yield begin + at, request.piece(at, at + size)
        begin += len(request)


def _add_product(total: Tensor, gradient: Tensor, hidden: Tensor) -> None:
    if gradient.dtype == total.dtype:
        total.addmm_(gradient.T, hidden)
    else:
        total += gradient.T @ hidden


def positions_a_piece(weight: Tensor) -> int:
    """Return the number of positions per piece, at least 16, for a head of weight [V, H]."""
    size = CPU_PIECE_BYTES if weight.device.type == "cpu" else GPU_PIECE_BYTES
    return max(16, size // (4 * weight.shape[0]))


def piece_loss(logits: Tensor, request: LossRequest) -> tuple[Tensor, Tensor]:
    """Compute the loss of one piece.

    Args:
        logits: float [P, V], overwritten.

    Returns:
        The sums of total, divergence and NLL, [3], and the gradient of the total in the logits, [P, V].
    """
    nothing = logits.new_zeros(())
    if request.alpha == 0:
        nll, gradient = _likelihood_and_gradient(logits, request)
        return torch.stack([nll, nothing, nll]), gradient
    apart = logits.clone() if request.alpha < 1 and request.temperature == 1 else logits
    values, gradient = divergence_and_gradient(
        apart if request.temperature == 1 else logits / request.temperature, request
    )
    square = request.temperature**2
    if request.measured is not None:
        request.measured.copy_(values * square)
    divergence_sum = values.sum() * square
    if request.alpha == 1:
        return torch.stack([divergence_sum, divergence_sum, nothing]), gradient
    nll, nll_gradient = _likelihood_and_gradient(logits, request)
    total = request.alpha * divergence_sum + (1 - request.alpha) * nll
    return torch.stack([total, divergence_sum, nll]), gradient.add_(nll_gradient)


def _likelihood_and_gradient(logits: Tensor, request: LossRequest) -> tuple[Tensor, Tensor]:
    """Return the sum of the negative log-likelihood, and its gradient times 1 - alpha; overwrites `logits` [P, V]."""
    known = request.token_ids >= 0
    labels, weights = request.token_ids.clamp(min=0)[:, None], (1 - request.alpha) * known.to(logits.dtype)
    label_logits = logits.gather(-1, labels)[:, 0]
    mass, sums = exponentiate(logits)
    nll = torch.where(known, mass - label_logits, 0.0).sum()
    gradient = logits.mul_((weights / sums)[:, None])
    return nll, gradient.scatter_add_(-1, labels, -weights[:, None])


def divergence_and_gradient(logits: Tensor, request: LossRequest) -> tuple[Tensor, Tensor]:
    """Return the divergence at each position, and the gradient of the loss in the logits.

    Args:
        logits: float [P, V], divided by the temperature; overwritten.

    Returns:
        Divergences in nats, float [P], not yet multiplied by the square of the temperature; and the gradient of alpha
        times their weighted sum, in the logits before division by the temperature, [P, V].
    """
    teacher = request.teacher
    assert isinstance(teacher, Piece)  # `request` is a piece of positions
    weight = request.alpha * request.temperature  # T^2 multiplies the loss, and 1 / T comes from dividing the logits
    if isinstance(teacher, DenseDistributions) and request.kind == "forward-kl":  # a third of the memory of autograd
        student, probs = logits.sub_(logits.logsumexp(dim=-1)[:, None]), teacher.log_probs.to(logits).exp()
        # A token that both rule out has a log-probability of -inf, and 0 * -inf is NaN.
        cross = torch.linalg.vecdot(probs, torch.where(probs > 0, student, 0.0))
        values = -torch.special.entr(probs).sum(dim=-1) - cross
        return values, student.exp_().sub_(probs).mul_(weight)
    if isinstance(teacher, DenseDistributions):
        with torch.enable_grad():
            leaf = logits.detach().requires_grad_()
            values = divergence(teacher, leaf, request.kind)
            (gradient,) = torch.autograd.grad(weight * values.sum(), leaf)
        return values.detach(), gradient
    if isinstance(teacher, TopKDistributions):
        kept = teacher.student_logits(logits)
        teacher.without_kept(logits)
    else:
        kept = logits.gather(-1, teacher.kept_ids)
    rest, sums = exponentiate(logits)
    with torch.enable_grad():
        classes = torch.cat([kept, rest[:, None]], dim=-1).requires_grad_()
        values = class_divergence(teacher, classes, request.kind)
        (class_gradients,) = torch.autograd.grad(weight * values.sum(), classes)
    # If the top k is the whole vocabulary, the tail's sum is 0: clamped, so that its gradient is 0 and not 0 / 0.
    logits.mul_(class_gradients[:, -1:] / sums.clamp(min=1)[:, None])
    logits.scatter_add_(-1, teacher.kept_ids, class_gradients[:, :-1])
    return values.detach(), logits
