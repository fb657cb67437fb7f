"""Draw tokens from a model's distributions, by random numbers that belong to a response and not to a batch.

A token is found by one random number on the cumulative distribution. Response and place of the token fix this number,
so a response does not depend on the batch, the process or the order in which it is written. Gumbel noise would need V
numbers a token.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from saladkit.teacher.sampling import draw_from_masses


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn: the most likely one at temperature 0, else from the top p of the softmax.

    Attributes:
        tokens: number of first tokens that may be drawn: those of the tokenizer, where the head scores more (Qwen2.5's
            does); None for all.
    """

    temperature: float
    top_p: float
    seed: int
    tokens: int | None = None

    def log_probs(self, logits: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the log-probabilities with which tokens are drawn, float32 [P, V]; at temperature 0 the model's own.

        V is `tokens` where the head scores more.

        Args:
            logits: float [P, V].
            labels: int64 [P], tokens that have been drawn: they count as part of the top p, which rounding may deny.
        """
        logits = logits[:, : self.tokens]
        scaled = logits.float() if self.temperature in (0, 1) else logits.float() / self.temperature
        log_probs = torch.log_softmax(scaled, dim=-1)
        if self.temperature == 0 or self.top_p == 1:
            return log_probs
        kept = top_p_tokens(log_probs.exp(), self.top_p)
        if labels is not None:
            kept.scatter_(-1, labels[:, None], True)
        return torch.log_softmax(log_probs.masked_fill(~kept, -torch.inf), dim=-1)

    def draw(self, log_probs: Tensor, uniforms: Tensor) -> Tensor:
        """Return a token of each row, int64 [P].

        Args:
            log_probs: as `log_probs` returns them, [P, V].
            uniforms: float64 [P], a random number in [0, 1) for each row.
        """
        if self.temperature == 0:
            return log_probs.argmax(dim=-1)
        known = log_probs.cpu() if log_probs.device.type == "mps" else log_probs  # MPS has no float64
        found = draw_from_masses(known.double().exp_(), 1, uniforms.to(known.device))[1]
        return found.long().to(log_probs.device)

    def random(self, id_: str) -> np.random.Generator:
        """Return the source of the random numbers of a response, one a token, by the seed and its id."""
        key = int.from_bytes(blake2b(f"{self.seed}/{id_}".encode(), digest_size=16).digest(), "little")
        return np.random.Generator(np.random.Philox(key=key))


def top_p_tokens(probs: Tensor, top_p: float) -> Tensor:
    """Return the fewest most likely tokens that together have the probability `top_p`, bool [P, V]."""
    ordered, ids = probs.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = before < top_p
    kept[:, 0] = True
    return torch.zeros_like(kept).scatter_(-1, ids, kept)
