"""A teacher's next-token distributions: over the whole vocabulary, as the top k with a tail class, or as a sample.

Notation: P positions, V vocabulary entries, k kept entries.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from saladkit.errors import SaladError


@dataclass(frozen=True)
class DenseDistributions:
    """Log-probabilities of the whole vocabulary, float [P, V]."""

    log_probs: Tensor

    def __len__(self) -> int:
        return self.log_probs.shape[0]

    def piece(self, begin: int, end: int) -> "DenseDistributions":
        """Return positions [begin, end)."""
        return DenseDistributions(self.log_probs[begin:end])

    def within(self, vocabulary: int) -> "DenseDistributions":
        """Return the distributions over the first `vocabulary` tokens alone."""
        return dense_from_logits(self.log_probs[:, :vocabulary])


@dataclass(frozen=True)
class HiddenDistributions:
    """A running model's distributions, kept as its last hidden states and its head; pieces become dense on demand.

    Attributes:
        hidden: last hidden states, float [P, H].
        head: linear layer [H -> V].
        temperature: divisor of the logits.
        vocabulary: number of first tokens that the distributions are over; None for all that the head scores.
    """

    hidden: Tensor
    head: torch.nn.Module
    temperature: float = 1.0
    vocabulary: int | None = None

    def __len__(self) -> int:
        return self.hidden.shape[0]

    @torch.no_grad()
    def piece(self, begin: int, end: int) -> DenseDistributions:
        """Compute positions [begin, end), so that no [P, V] tensor is ever allocated."""
        return dense_from_logits(self.head(self.hidden[begin:end])[:, : self.vocabulary], self.temperature)

    def within(self, vocabulary: int) -> "HiddenDistributions":
        """Return the distributions over the first `vocabulary` tokens alone."""
        return replace(self, vocabulary=vocabulary)


@dataclass(frozen=True)
class TopKDistributions:
    """The k most probable tokens of each position, and all other tokens merged into one tail class.

    Attributes:
        kept_ids: token ids, int64 [P, k], most probable first.
        kept_log_probs: log-probabilities of the kept tokens in nats, float [P, k].
        log_tail: log of the summed probability of all other tokens, float [P]; -inf where that is zero.
    """

    kept_ids: Tensor
    kept_log_probs: Tensor
    log_tail: Tensor

    def __len__(self) -> int:
        return self.kept_ids.shape[0]

    def piece(self, begin: int, end: int) -> "TopKDistributions":
        """Return positions [begin, end)."""
        return TopKDistributions(self.kept_ids[begin:end], self.kept_log_probs[begin:end], self.log_tail[begin:end])

    def within(self, vocabulary: int) -> "CutTopKDistributions":
        """Return the distributions over the first `vocabulary` tokens alone: others that are kept get probability 0.

        The tail may hold further tokens beyond `vocabulary`, which nobody can take out of the sum.
        """
        absent = self.kept_ids >= vocabulary
        kept_ids, kept_log_probs = (
            self.kept_ids.masked_fill(absent, 0),
            self.kept_log_probs.masked_fill(absent, -math.inf),
        )
        rest = normalise(TopKDistributions(kept_ids, kept_log_probs, self.log_tail))
        return CutTopKDistributions(rest.kept_ids, rest.kept_log_probs, rest.log_tail, absent)

    def student_logits(self, logits: Tensor) -> Tensor:
        """Return the student's logits of the kept tokens, [P, k], of its logits [P, V]."""
        return logits.gather(-1, self.kept_ids)

    def without_kept(self, logits: Tensor) -> Tensor:
        """Set the student's logits [P, V] of the kept tokens to -inf, in place."""
        return logits.scatter_(-1, self.kept_ids, -math.inf)


@dataclass(frozen=True)
class CutTopKDistributions(TopKDistributions):
    """Top-k distributions from which kept tokens have been taken out, because the student does not have them.

    Attributes:
        absent: bool [P, k], the places of these tokens; they hold the id 0 and the log-probability -inf.
    """

    absent: Tensor

    def piece(self, begin: int, end: int) -> "CutTopKDistributions":
        """Return positions [begin, end)."""
        here = slice(begin, end)
        return CutTopKDistributions(
            self.kept_ids[here], self.kept_log_probs[here], self.log_tail[here], self.absent[here]
        )

    def student_logits(self, logits: Tensor) -> Tensor:
        """As `TopKDistributions.student_logits`; -inf at absent places."""
        return super().student_logits(logits).masked_fill(self.absent, -math.inf)

    def without_kept(self, logits: Tensor) -> Tensor:
        """As `TopKDistributions.without_kept`; the token 0 keeps its logit unless it is kept itself."""
        values = torch.where(self.absent, math.inf, -math.inf).to(logits)
        return logits.scatter_reduce_(-1, self.kept_ids, values, "amin")


@dataclass(frozen=True)
class SampledDistributions:
    """Random draws from each position's distribution, with equal draws counted together.

    Attributes:
        kept_ids: distinct token ids, int64 [P, m], padded with 0 where a position has fewer than m.
        weights: each token's share of the draws, float [P, m], 0 for padding; the weights of a position sum to 1.
    """

    kept_ids: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return self.kept_ids.shape[0]

    def piece(self, begin: int, end: int) -> "SampledDistributions":
        """Return positions [begin, end)."""
        return SampledDistributions(self.kept_ids[begin:end], self.weights[begin:end])

    def within(self, vocabulary: int) -> "SampledDistributions":
        """Return the draws that are among the first `vocabulary` tokens.

        Raises:
            SaladError: a position has no such draw.
        """
        absent = self.kept_ids >= vocabulary
        weights = self.weights.masked_fill(absent, 0)
        totals = weights.sum(dim=-1, keepdim=True)
        if not (totals > 0).all():
            raise SaladError(
                f"at some position the teacher has drawn no token that the tokenizer knows (ids below {vocabulary})",
                "Make the teacher cache with more --draws, or give the text LLM itself as --teacher.",
            )
        return SampledDistributions(self.kept_ids.masked_fill(absent, 0), weights / totals)


Piece = DenseDistributions | TopKDistributions | SampledDistributions  # what `piece` of any of the four gives
Distributions = Piece | HiddenDistributions


def dense_from_logits(logits: Tensor, temperature: float = 1.0) -> DenseDistributions:
    """Normalise logits [P, V] to log-probabilities, in float32, or in float64 if the logits are float64."""
    logits = at_least_float32(logits)
    return DenseDistributions(torch.log_softmax(logits if temperature == 1 else logits / temperature, dim=-1))


def exponentiate(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Replace logits by exp(logits - largest logit of the position), in place.

    In place, because the fresh pages of a second tensor of this size cost a CPU more than the arithmetic: at
    V = 151,936 a top k takes 0.36 ms per position, where torch.logsumexp of a copy took 0.90.

    Args:
        logits: float [P, V], overwritten.

    Returns:
        The log-sum-exp of the logits, and the sums of the exponentials, both [P]. A sum is at least 1, or 0 where all
        logits of a position are -inf.
    """
    largest = logits.amax(dim=-1, keepdim=True)
    largest = torch.where(largest == -math.inf, 0.0, largest)
    sums = logits.sub_(largest).exp_().sum(dim=-1)
    return largest[:, 0] + sums.log(), sums


def top_k_from_logits(logits: Tensor, k: int, *, overwrite: bool = False) -> TopKDistributions:
    """Keep the k largest of the logits [P, V], and the log-probability of all other tokens together.

    The tail is summed in log space over the tokens that are not kept: one minus the kept probability would lose every
    digit where the kept probability is close to 1.

    Args:
        overwrite: whether `logits` may be overwritten, which saves a copy.
    """
    logits = at_least_float32(logits)
    kept, kept_ids = logits.topk(min(k, logits.shape[-1]), dim=-1)
    tail, _ = exponentiate((logits if overwrite else logits.clone()).scatter_(-1, kept_ids, -math.inf))
    mass = torch.logaddexp(kept.logsumexp(dim=-1), tail)
    return TopKDistributions(kept_ids, kept - mass[:, None], tail - mass)


def normalise(distributions: TopKDistributions) -> TopKDistributions:
    """Rescale the kept tokens and the tail so that their probabilities sum to 1.

    Log-probabilities that were rounded to float16 do not sum to 1, and a student that equals its teacher would get a
    divergence above or below 0 (-8e-7 nats were seen).
    """
    classes = torch.cat([distributions.kept_log_probs, distributions.log_tail[:, None]], dim=-1)
    mass = classes.logsumexp(dim=-1)
    return replace(
        distributions,
        kept_log_probs=distributions.kept_log_probs - mass[:, None],
        log_tail=distributions.log_tail - mass,
    )


def at_least_float32(values: Tensor) -> Tensor:
    """Convert half precision to float32, and leave float32 and float64 as they are."""
    return values if values.dtype == torch.float64 else values.float()


def shared_vocabulary(tokenizer: int, student: int, teacher: int) -> int | None:
    """Return how many first tokens student and teacher are compared over; None if their heads have the same size.

    Models of one tokenizer pad their heads to different sizes (Qwen2.5: 151,936 rows and 152,064 rows for 151,665
    tokens). The rows beyond the tokenizer stand for nothing.

    Args:
        tokenizer: number of the tokenizer's tokens, its largest id plus 1.
        student, teacher: number of tokens that the heads score.
    """
    return None if student == teacher else min(tokenizer, student, teacher)
