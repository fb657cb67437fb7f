"""Losses of tokens that a model has written itself, towards the teacher, which has read the same tokens as text.

At the state (speech, what was written so far) the student has the distribution q, the teacher p, and the model that
wrote the token y had mu. A divergence of q from p needs nothing else. `sampled` needs p(y) alone: it is the policy
gradient whose reward is log p(y) - log q(y), and whose expectation over y ~ q is the gradient of KL(q || p) of this
token. Tokens of an earlier checkpoint are weighted by q(y) / mu(y), clipped to a range. Weight and advantage count as
constants, so that the gradient in the logits is weight * advantage * (q - onehot(y)).
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from saladkit.teacher.distributions import DenseDistributions, Piece, SampledDistributions, TopKDistributions, normalise
from saladkit.teacher.head import LossRequest, divergence_and_gradient
from saladkit.teacher.losses import DIVERGENCES, divergence

SAMPLED = "sampled"
ROLLOUT_LOSSES = (*DIVERGENCES, SAMPLED)
LEAST_RATIO, MOST_RATIO = 0.8, 1.28  # bounds of q(y) / mu(y) as a weight
LABEL, RATIO, OUTSIDE = range(3)  # columns of `RolloutRequest.figures`
_LEAST = math.log(torch.finfo(torch.float32).tiny)  # the log of a probability of 0, as in the reverse KL


@dataclass(frozen=True, kw_only=True)
class RolloutRequest(LossRequest):
    """The loss at P positions of rollouts: alpha is 1, and `token_ids` are the tokens that were written.

    Attributes:
        kind: one of ROLLOUT_LOSSES. `measured` gets the divergences of this kind; with `sampled` KL(student ||
            teacher), as far as the teacher's distributions tell.
        behaviour: log-probabilities of the tokens when they were drawn, float [P].
        figures: float [P, 3], into which is written, NaN where it is not known: log p(y); q(y) / mu(y), with `sampled`;
            the student's probability of all tokens outside the teacher's top k, with `reverse-kl`.
    """

    behaviour: Tensor
    figures: Tensor

    def piece(self, begin: int, end: int) -> Self:
        """Return the request for positions [begin, end)."""
        here = slice(begin, end)
        return replace(super().piece(begin, end), behaviour=self.behaviour[here], figures=self.figures[here])

    def loss(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the loss of a piece, as `piece_loss`; the sums of divergence and NLL are 0, of other rows alone."""
        assert isinstance(self.teacher, Piece)
        self.figures[:, LABEL] = label_log_probs(self.teacher, self.token_ids)
        if self.kind == SAMPLED:
            total, gradient = self._sampled(self.teacher, logits)
        else:
            if self.kind == "reverse-kl" and isinstance(self.teacher, TopKDistributions):
                self.figures[:, OUTSIDE] = mass_outside(self.teacher, logits)
            logits = logits if self.temperature == 1 else logits / self.temperature
            values, gradient = divergence_and_gradient(logits, self)
            values = values * self.temperature**2
            total = self._write(values).sum()
        nothing = total.new_zeros(())
        return torch.stack([total, nothing, nothing]), gradient

    def _write(self, values: Tensor) -> Tensor:
        if self.measured is not None:
            self.measured.copy_(values)
        return values

    def _sampled(self, teacher: Piece, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the sampled loss, and its gradient in the logits [P, V], which are overwritten."""
        known = self.figures[:, LABEL].to(logits)
        baseline = self._write(divergence(teacher, logits, "reverse-kl"))
        student = logits.sub_(logits.logsumexp(dim=-1, keepdim=True))
        labels = self.token_ids[:, None]
        own = student.gather(-1, labels)[:, 0]
        ratio, weights = sampled_weights(own, self.behaviour.to(logits), known, baseline)
        self.figures[:, RATIO] = ratio
        loss = -(weights * own).sum()
        gradient = student.exp_().mul_(weights[:, None])
        return loss, gradient.scatter_add_(-1, labels, -weights[:, None])


def sampled_weights(
    student: Tensor,
    behaviour: Tensor,
    teacher: Tensor,
    baseline: Tensor,
    bounds: tuple[float, float] = (LEAST_RATIO, MOST_RATIO),
) -> tuple[Tensor, Tensor]:
    """Return q(y) / mu(y), and the weights of -log q(y) in the sampled loss, float [P] each; no gradient flows.

    Args:
        student, behaviour, teacher: log q(y), log mu(y) and log p(y), float [P].
        baseline: what is added to the advantage, float [P]; it may depend on the state alone.
        bounds: smallest and largest weight of an advantage.
    """
    student = student.detach()
    ratio = (student - behaviour).exp()
    advantage = teacher.clamp(min=_LEAST) - student + baseline.detach()
    return ratio, ratio.clamp(*bounds) * advantage


def label_log_probs(teacher: Piece, token_ids: Tensor) -> Tensor:
    """Return the teacher's log-probabilities of tokens, float [P]; NaN where it does not tell them.

    A top k tells those of its kept tokens, and draws tell none.
    """
    if isinstance(teacher, DenseDistributions):
        return teacher.log_probs.gather(-1, token_ids[:, None])[:, 0]
    if isinstance(teacher, SampledDistributions):
        return torch.full(token_ids.shape, math.nan, device=token_ids.device)
    teacher = normalise(teacher)
    found = (teacher.kept_ids == token_ids[:, None]) & (teacher.kept_log_probs > -math.inf)
    values = teacher.kept_log_probs.masked_fill(~found, -math.inf).amax(dim=-1)
    return values.masked_fill(~found.any(dim=-1), math.nan)


def mass_outside(teacher: TopKDistributions, logits: Tensor) -> Tensor:
    """Return the student's probability of all tokens that the teacher's top k leaves out, float [P]."""
    kept = teacher.student_logits(logits).logsumexp(dim=-1)
    return 1 - (kept - logits.logsumexp(dim=-1)).exp().clamp(max=1)
