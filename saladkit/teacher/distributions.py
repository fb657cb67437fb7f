"""A teacher's next-token distributions: all of the vocabulary, or its top k and the mass of the rest.

Notation: P positions, V vocabulary entries, k kept entries. Temperature 1 throughout (method: T = 1).
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DenseDistributions:
    """Log-probabilities of the whole vocabulary, float [P, V]."""

    log_probs: Tensor

    def __len__(self) -> int:
        return self.log_probs.shape[0]


@dataclass(frozen=True)
class TopKDistributions:
    """The k most probable tokens of each position, and everything else as one tail class.

    Attributes:
        kept_ids: token ids, int64 [P, k], most probable first.
        kept_log_probs: their log-probabilities in nats, float [P, k].
        log_tail: log of the summed probability of all other tokens, float [P]; -inf where nothing is left.
    """

    kept_ids: Tensor
    kept_log_probs: Tensor
    log_tail: Tensor

    def __len__(self) -> int:
        return self.kept_ids.shape[0]


Distributions = DenseDistributions | TopKDistributions


def dense_from_logits(logits: Tensor) -> DenseDistributions:
    """Normalise logits [P, V] in float32 (float64 stays)."""
    return DenseDistributions(torch.log_softmax(at_least_float32(logits), dim=-1))


def top_k_from_logits(logits: Tensor, k: int) -> TopKDistributions:
    """Keep the k largest of the logits [P, V], and the log-mass of the rest.

    The tail's mass is summed over the tokens that are not kept, in log space: one minus the kept mass would
    lose every digit where the kept mass is close to 1.
    """
    log_probs = torch.log_softmax(at_least_float32(logits), dim=-1)
    kept_log_probs, kept_ids = log_probs.topk(min(k, log_probs.shape[-1]), dim=-1)
    return TopKDistributions(kept_ids, kept_log_probs, log_mass_outside(log_probs, kept_ids))


def log_mass_outside(log_probs: Tensor, ids: Tensor) -> Tensor:
    """log of the probability outside `ids` ([P, k], distinct) under `log_probs` [P, V]; float [P]."""
    return log_probs.scatter(-1, ids, float("-inf")).logsumexp(dim=-1)


def normalised(distributions: TopKDistributions) -> TopKDistributions:
    """The same with all mass, kept and tail, summing to 1: rounded to float16, log-probabilities no longer do.

    Without it a student that equals its teacher has a divergence on either side of 0 (seen: -8e-7 nats).
    """
    classes = torch.cat([distributions.kept_log_probs, distributions.log_tail[:, None]], dim=-1)
    mass = classes.logsumexp(dim=-1)
    return TopKDistributions(
        distributions.kept_ids, distributions.kept_log_probs - mass[:, None], distributions.log_tail - mass
    )


def concatenate(pieces: list[TopKDistributions]) -> TopKDistributions:
    """Join distributions over positions; all with the same k."""
    return TopKDistributions(
        torch.cat([piece.kept_ids for piece in pieces]),
        torch.cat([piece.kept_log_probs for piece in pieces]),
        torch.cat([piece.log_tail for piece in pieces]),
    )


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision becomes float32; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()
