"""Muon in float32, for matrices of a few hundred columns on a CPU.

`torch.optim.Muon` multiplies in bfloat16, which CPUs without AVX-512 emulate: there a step of the desk's text LLM takes
4.5 times as long (ONEDNN_MAX_CPU_ISA=AVX2).
"""

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration: https://kellerjordan.github.io/posts/muon/
ITERATIONS = 5
MOMENTUM = 0.95  # Nesterov's


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return matrices [n, rows, columns] with the same singular vectors, and singular values near 1."""
    a, b, c = COEFFICIENTS
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide if matrices.shape[1] <= matrices.shape[2] else wide.mT


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalized updates, of the size of AdamW's (https://arxiv.org/abs/2502.16982, section 2.2).

    Args:
        matrices: parameters of two dimensions, float32.
        lr: learning rate.
        weight_decay: decoupled, times the learning rate.
    """

    def __init__(self, matrices: Iterable[Tensor], *, lr: float, weight_decay: float):
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update all matrices that have a gradient; those of one shape are orthogonalized together."""
        for group in self.param_groups:
            of_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    of_shape[matrix.shape].append(matrix)
            for shape, matrices in of_shape.items():
                updates = orthogonalized(torch.stack([self._with_momentum(matrix) for matrix in matrices]))
                size = group["lr"] * 0.2 * math.sqrt(max(shape))
                for matrix, update in zip(matrices, updates, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=size)

    def _with_momentum(self, matrix: Tensor) -> Tensor:
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        mean = state["momentum"].lerp_(matrix.grad, 1 - MOMENTUM)
        return matrix.grad.lerp(mean, MOMENTUM)
