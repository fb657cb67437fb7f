"""Where the teacher's word comes from: a cache, or the text LLM itself.

One interface, so that training never asks which; a student rollout scored by the text LLM would be the third.
The teacher hears nothing: its distributions depend on the text's tokens alone.
"""

from typing import Protocol, cast

import numpy as np
import torch
from transformers import PreTrainedModel

from saladkit.formats.teacher_cache import SampledRow, TeacherCache, TopKRow
from saladkit.teacher.distributions import (
    Distributions,
    HiddenDistributions,
    SampledDistributions,
    TopKDistributions,
)


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
    ) -> TopKDistributions | SampledDistributions:
        """See TeacherSignal; rows without a target need not be in the cache."""
        places = [(self.cache.row(t), wanted - 1) for t, wanted in zip(token_ids, targets, strict=True) if len(wanted)]
        if self.cache.sampled:
            samples = _join_samples(cast("list[tuple[SampledRow, np.ndarray]]", places))
            return SampledDistributions(*(torch.from_numpy(values).to(device) for values in samples))
        top_k = _join_top_k(cast("list[tuple[TopKRow, np.ndarray]]", places), self.cache.identity["top_k"])
        return TopKDistributions(*(torch.from_numpy(values).to(device) for values in top_k))


def _join_top_k(places: list[tuple[TopKRow, np.ndarray]], k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids int64 [P, k], log-probabilities float32 [P, k] and tails float32 [P] of chosen positions."""
    if not places:
        return np.zeros((0, k), np.int64), np.zeros((0, k), np.float32), np.zeros(0, np.float32)
    ids = np.concatenate([row.kept_ids[wanted] for row, wanted in places])
    log_probs = np.concatenate([row.kept_log_probs[wanted] for row, wanted in places])
    tails = np.concatenate([row.log_tail[wanted] for row, wanted in places])
    return ids.astype(np.int64), log_probs.astype(np.float32), tails


def _join_samples(places: list[tuple[SampledRow, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids int64 [P, m] and weights float32 [P, m] of chosen positions."""
    most = max((int(row.distinct[wanted].max()) for row, wanted in places), default=1)
    ids, weights = [], []
    for row, wanted in places:
        ends = np.cumsum(row.distinct, dtype=np.int64)[wanted]
        lengths = row.distinct[wanted, None].astype(np.int64)
        there = np.arange(most) < lengths
        at = np.where(there, ends[:, None] - lengths + np.arange(most), 0)
        counts = np.where(there, row.counts[at], 0).astype(np.float32)
        ids.append(np.where(there, row.kept_ids[at], 0).astype(np.int64))
        weights.append(counts / counts.sum(axis=1, keepdims=True))
    return np.concatenate([np.zeros((0, most), np.int64), *ids]), np.concatenate(
        [np.zeros((0, most), np.float32), *weights]
    )


class LiveTeacher:
    """Runs the frozen text LLM."""

    def __init__(self, model: PreTrainedModel, temperature: float = 1.0, packed: bool = False):
        self.model = model.eval().requires_grad_(False)
        self.temperature, self.packed = temperature, packed

    @torch.no_grad()
    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> HiddenDistributions:
        """See TeacherSignal."""
        self.model.to(device)
        hidden = hidden_states(self.model, token_ids, targets, device, self.packed)
        return HiddenDistributions(hidden, self.model.get_output_embeddings(), self.temperature)


def hidden_states(
    model: PreTrainedModel,
    token_ids: list[np.ndarray],
    targets: list[np.ndarray],
    device: torch.device,
    packed: bool = False,
) -> torch.Tensor:
    """The last hidden states from which the targets are predicted, [P, H].

    Rows are padded at the end; `packed`, they stand in one row, and positions that begin anew keep them apart.
    """
    if packed:
        tokens = torch.from_numpy(np.concatenate(token_ids).astype(np.int64))[None].to(device)
        position_ids = torch.from_numpy(np.concatenate([np.arange(len(row)) for row in token_ids]))[None].to(device)
        read = {"input_ids": tokens, "position_ids": position_ids}
        hidden = model.get_decoder()(**read, use_cache=False).last_hidden_state[0]  # with a cache rows see each other
        begins = np.cumsum([0, *(len(row) for row in token_ids)])
        places = np.concatenate([wanted - 1 + at for wanted, at in zip(targets, begins, strict=False)])
        return hidden[torch.from_numpy(places).to(device)]
    length = max(len(text) for text in token_ids)
    padded = np.zeros((len(token_ids), length), dtype=np.int64)
    for row, text in enumerate(token_ids):
        padded[row, : len(text)] = text
    hidden = model.get_decoder()(input_ids=torch.from_numpy(padded).to(device), use_cache=False).last_hidden_state
    places = np.concatenate([wanted - 1 + row * length for row, wanted in enumerate(targets)])
    return hidden.flatten(0, 1)[torch.from_numpy(places).to(device)]
