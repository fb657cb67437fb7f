"""Write responses to a batch of prompts, a token at a time, with a cache of keys and values.

A prompt with several samples runs once. Rows that are finished leave the batch, as soon as they are a quarter of it.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import Cache

from saladkit.errors import SaladError
from saladkit.model.cache_name import CACHE
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.rollouts.sampling import Sampling
from saladkit.rows.prompt_sequences import pad_at_front
from saladkit.rows.sequences import Sequence

LEAVING = 0.25  # share of finished rows at which the others are copied out of the cache


@dataclass
class Response:
    """A response while it is written.

    Attributes:
        id: id of the rollout.
        stops: tokens that end it.
        random: source of the random numbers by which its tokens are drawn, one a token.
        most: number of tokens at which it is cut off.
        tokens: its tokens so far.
        log_probs: their log-probabilities when they were drawn.
    """

    id: str
    stops: frozenset[int]
    random: np.random.Generator
    most: int
    tokens: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)

    @property
    def has_stopped(self) -> bool:
        """Whether the last token is one that ends it."""
        return bool(self.tokens) and self.tokens[-1] in self.stops

    @property
    def is_finished(self) -> bool:
        """Whether it has stopped, or all of its tokens are written."""
        return self.has_stopped or len(self.tokens) == self.most


@torch.inference_mode()
def write_responses(
    model: SaladForCausalLM | TextModel, prompts: list[Sequence], responses: list[Response], sampling: Sampling
) -> None:
    """Write all `responses` to their ends.

    Args:
        responses: as many for each prompt, one prompt after another.

    Raises:
        SaladError: logits are not finite.
    """
    device = next(model.parameters()).device
    batch = {name: values.to(device) for name, values in pad_at_front(prompts).items()}
    output = model(**batch, use_cache=True, logits_to_keep=1)
    cache: Cache = getattr(output, CACHE)
    samples = len(responses) // len(prompts)
    running = Running(responses, batch["attention_mask"].repeat_interleave(samples, dim=0), cache)
    if samples > 1:
        cache.batch_repeat_interleave(samples)
    logits = output.logits[:, -1].repeat_interleave(samples, dim=0)
    while True:
        if not torch.isfinite(logits).all():
            raise not_finite(running.rows[0].id)
        running.take(logits, sampling)
        if all(row.is_finished for row in running.rows):
            return
        running.leave()
        logits = running.step(model)


@dataclass
class Running:
    """The rows of a batch that are being written.

    Attributes:
        mask: int64 [B, L], 1 where a row has a token, 0 for padding at the front.
    """

    rows: list[Response]
    mask: Tensor
    cache: Cache

    def take(self, logits: Tensor, sampling: Sampling) -> None:
        """Draw the next token of every row that is not finished, from logits [B, V]."""
        log_probs = sampling.log_probs(logits)
        uniforms = torch.tensor([row.random.random() for row in self.rows], dtype=torch.float64)
        ids = sampling.draw(log_probs, uniforms)
        found = log_probs.gather(-1, ids[:, None])[:, 0]
        for row, token, log_prob in zip(self.rows, ids.tolist(), found.tolist(), strict=True):
            if not row.is_finished:
                row.tokens.append(token)
                row.log_probs.append(log_prob)

    def leave(self) -> None:
        """Take the finished rows out, if they are many."""
        kept = [place for place, row in enumerate(self.rows) if not row.is_finished]
        if len(self.rows) - len(kept) < LEAVING * len(self.rows):
            return
        self.rows = [self.rows[place] for place in kept]
        places = torch.tensor(kept, device=self.mask.device)
        self.mask = self.mask[places]
        self.cache.batch_select_indices(places)

    def step(self, model: SaladForCausalLM | TextModel) -> Tensor:
        """Run the last token of every row; return the logits of the next, [B, V]."""
        last = torch.tensor([row.tokens[-1:] for row in self.rows], device=self.mask.device)
        positions = self.mask.sum(dim=1, keepdim=True)
        self.mask = torch.cat([self.mask, torch.ones_like(last)], dim=1)
        further = {"attention_mask": self.mask, "position_ids": positions, "use_cache": True, CACHE: self.cache}
        return model(input_ids=last, logits_to_keep=1, **further).logits[:, -1]


def not_finite(id_: str) -> SaladError:
    """Return the error of a model whose logits are not finite in the batch of the rollout `id_`."""
    return SaladError(
        f"the model's logits at the rollout '{id_}' and its batch are not finite",
        "Try --dtype float32. If that does not help, the checkpoint is damaged: give another one.",
    )
