"""Where the teacher's word comes from: a cache, or the text LLM itself.

One interface, so that training never asks which; a student rollout scored by the text LLM would be the third.
The teacher hears nothing: its distributions depend on the text's tokens alone.
"""

from typing import Protocol

import numpy as np
import torch
from transformers import PreTrainedModel

from saladkit.formats.teacher_cache import TeacherCache
from saladkit.teacher.distributions import DenseDistributions, Distributions, TopKDistributions, dense_from_logits


class TeacherSignal(Protocol):
    """Gives the teacher's distributions of chosen tokens."""

    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> Distributions:
        """Distributions of token `t` given all tokens before it, for the targets of each row, row after row.

        Args:
            token_ids: each row's whole text, int32 [n].
            targets: each row's wanted token indices, int64 [p], all at least 1.
        """
        ...


class CachedTeacher:
    """Reads a teacher cache."""

    def __init__(self, cache: TeacherCache):
        self.cache = cache

    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> TopKDistributions:
        """See TeacherSignal."""
        ids, log_probs, tails = [], [], []
        for tokens, wanted in zip(token_ids, targets, strict=True):
            row = self.cache.row(tokens)
            ids.append(row.kept_ids[wanted - 1])
            log_probs.append(row.kept_log_probs[wanted - 1])
            tails.append(row.log_tail[wanted - 1])
        return TopKDistributions(
            torch.from_numpy(np.concatenate(ids).astype(np.int64)).to(device),
            torch.from_numpy(np.concatenate(log_probs).astype(np.float32)).to(device),
            torch.from_numpy(np.concatenate(tails)).to(device),
        )


class LiveTeacher:
    """Runs the frozen text LLM."""

    def __init__(self, model: PreTrainedModel):
        self.model = model.eval().requires_grad_(False)

    @torch.no_grad()
    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> DenseDistributions:
        """See TeacherSignal."""
        length = max(len(tokens) for tokens in token_ids)
        padded = np.zeros((len(token_ids), length), dtype=np.int64)
        for row, tokens in enumerate(token_ids):
            padded[row, : len(tokens)] = tokens
        self.model.to(device)
        hidden = self.model.get_decoder()(input_ids=torch.from_numpy(padded).to(device)).last_hidden_state
        places = np.concatenate([wanted - 1 + row * length for row, wanted in enumerate(targets)])
        logits = self.model.get_output_embeddings()(hidden.flatten(0, 1)[torch.from_numpy(places).to(device)])
        return dense_from_logits(logits)
