"""A teacher's next-token distributions: the whole vocabulary, its top k and the mass of the rest, or a sample.

Notation: P positions, V vocabulary entries, k kept entries.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DenseDistributions:
    """Log-probabilities of the whole vocabulary, float [P, V]."""

    log_probs: Tensor

    def __len__(self) -> int:
        return self.log_probs.shape[0]

    def piece(self, begin: int, end: int) -> "DenseDistributions":
        """Positions [begin, end)."""
        return DenseDistributions(self.log_probs[begin:end])


@dataclass(frozen=True)
class HiddenDistributions:
    """The distributions of a model that is at hand: its last hidden states [P, H] and its head; dense piece by piece.

    Attributes:
        temperature: what the logits are divided by.
    """

    hidden: Tensor
    head: torch.nn.Module
    temperature: float = 1.0

    def __len__(self) -> int:
        return self.hidden.shape[0]

    @torch.no_grad()
    def piece(self, begin: int, end: int) -> DenseDistributions:
        """Positions [begin, end), computed now: [P, V] never lives whole."""
        return dense_from_logits(self.head(self.hidden[begin:end]), self.temperature)


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

    def piece(self, begin: int, end: int) -> "TopKDistributions":
        """Positions [begin, end)."""
        return TopKDistributions(self.kept_ids[begin:end], self.kept_log_probs[begin:end], self.log_tail[begin:end])


@dataclass(frozen=True)
class SampledDistributions:
    """Some draws from each position's distribution, the same token counted.

    Attributes:
        kept_ids: distinct token ids, int64 [P, m]; 0 where a position has fewer than m.
        weights: their shares of the draws, float [P, m], 0 where there is no token; each position's sum to 1.
    """

    kept_ids: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return self.kept_ids.shape[0]

    def piece(self, begin: int, end: int) -> "SampledDistributions":
        """Positions [begin, end)."""
        return SampledDistributions(self.kept_ids[begin:end], self.weights[begin:end])


Piece = DenseDistributions | TopKDistributions | SampledDistributions  # what `piece` of any of the four gives
Distributions = Piece | HiddenDistributions


def dense_from_logits(logits: Tensor, temperature: float = 1.0) -> DenseDistributions:
    """Normalise logits [P, V] in float32 (float64 stays)."""
    logits = at_least_float32(logits)
    return DenseDistributions(torch.log_softmax(logits if temperature == 1 else logits / temperature, dim=-1))


def exponentiate(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Logits float [P, V] become exp(logits - the largest), in place: at least 1 in sum, or 0 where all were -inf.

    Without another tensor of their size, whose fresh pages cost a CPU more than the arithmetic: at V = 151,936 a top k
    takes 0.36 ms a position where torch.logsumexp of a copy took 0.90.

    Returns:
        The logits' log-sum-exp and the sums of what they became, both [P].
    """
    largest = logits.amax(dim=-1, keepdim=True)
    largest = torch.where(largest == -math.inf, 0.0, largest)
    sums = logits.sub_(largest).exp_().sum(dim=-1)
    return largest[:, 0] + sums.log(), sums


def top_k_from_logits(logits: Tensor, k: int, *, used_up: bool = False) -> TopKDistributions:
    """Keep the k largest of the logits [P, V], and the log-mass of the rest.

    The tail's mass is summed over the tokens that are not kept, in log space: one minus the kept mass would
    lose every digit where the kept mass is close to 1.

    Args:
        used_up: the logits may be written over.
    """
    logits = at_least_float32(logits)
    kept, kept_ids = logits.topk(min(k, logits.shape[-1]), dim=-1)
    tail, _ = exponentiate((logits if used_up else logits.clone()).scatter_(-1, kept_ids, -math.inf))
    mass = torch.logaddexp(kept.logsumexp(dim=-1), tail)
    return TopKDistributions(kept_ids, kept - mass[:, None], tail - mass)


def normalised(distributions: TopKDistributions) -> TopKDistributions:
    """The same with all mass, kept and tail, summing to 1: rounded to float16, log-probabilities no longer do.

    Without it a student that equals its teacher has a divergence on either side of 0 (seen: -8e-7 nats).
    """
    classes = torch.cat([distributions.kept_log_probs, distributions.log_tail[:, None]], dim=-1)
    mass = classes.logsumexp(dim=-1)
    return TopKDistributions(
        distributions.kept_ids, distributions.kept_log_probs - mass[:, None], distributions.log_tail - mass
    )


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision becomes float32; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()
