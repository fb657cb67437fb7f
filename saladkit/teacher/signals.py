"""Teacher signals: the teacher's distributions, read from a cache or computed by the text LLM.

Both have one interface, so that training does not depend on the choice. A teacher gets text input only: its
distributions depend on the tokens of the text, never on the speech.
"""

import math
from typing import Protocol, cast

import numpy as np
import torch
from transformers import PretrainedConfig, PreTrainedModel

from saladkit.batches import place_on_lines
from saladkit.formats.joined_teacher_caches import JoinedTeacherCaches
from saladkit.formats.teacher_cache import SampledRow, TeacherCache, TopKRow
from saladkit.teacher.distributions import (
    Distributions,
    HiddenDistributions,
    SampledDistributions,
    TopKDistributions,
)

SKIP_WHAT_IS_MASKED = ("flash_attention_2", "flex_attention")


class TeacherSignal(Protocol):
    """A source of the teacher's distributions.

    Attributes:
        vocabulary: number of first tokens that student and teacher are compared over; None if their heads have the
            same size.
    """

    vocabulary: int | None

    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> Distributions:
        """Return the distributions of the target tokens, each given all tokens before it, row after row.

        Args:
            token_ids: the whole text of each row, int32 [n].
            targets: indices of the target tokens of each row, int64 [p], 1 to n; n is what follows the text.
        """
        ...


class CachedTeacher:
    """A teacher that reads its distributions from teacher caches; `vocabulary` as in TeacherSignal."""

    def __init__(self, cache: TeacherCache | JoinedTeacherCaches, vocabulary: int | None = None):
        self.cache, self.vocabulary = cache, vocabulary

    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> TopKDistributions | SampledDistributions:
        """Read the distributions, as TeacherSignal; a row without targets need not be in the cache.

        Raises:
            KeyError: a row with targets is not in the cache.
            SaladError: as `SampledDistributions.within`.
        """
        found = self._stored(token_ids, targets, device)
        return found if self.vocabulary is None else found.within(self.vocabulary)

    def _stored(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> TopKDistributions | SampledDistributions:
        chosen = [
            (self.cache.row(tokens), of_row - 1)
            for tokens, of_row in zip(token_ids, targets, strict=True)
            if len(of_row)
        ]
        if self.cache.sampled:
            samples = _join_samples(cast("list[tuple[SampledRow, np.ndarray]]", chosen))
            return SampledDistributions(*(torch.from_numpy(values).to(device) for values in samples))
        top_k = _join_top_k(cast("list[tuple[TopKRow, np.ndarray]]", chosen), self.cache.identity["top_k"])
        return TopKDistributions(*(torch.from_numpy(values).to(device) for values in top_k))


def _join_top_k(chosen: list[tuple[TopKRow, np.ndarray]], k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ids int64 [P, k], log-probabilities float32 [P, k] and tails float32 [P] of the chosen positions."""
    if not chosen:
        return np.zeros((0, k), np.int64), np.zeros((0, k), np.float32), np.zeros(0, np.float32)
    ids = np.concatenate([row.kept_ids[positions] for row, positions in chosen])
    log_probs = np.concatenate([row.kept_log_probs[positions] for row, positions in chosen])
    tails = np.concatenate([row.log_tail[positions] for row, positions in chosen])
    return ids.astype(np.int64), log_probs.astype(np.float32), tails


def _join_samples(chosen: list[tuple[SampledRow, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return ids int64 [P, m] and weights float32 [P, m] of the chosen positions."""
    most = max((int(row.distinct[positions].max()) for row, positions in chosen), default=1)
    ids, weights = [], []
    for row, positions in chosen:
        ends = np.cumsum(row.distinct, dtype=np.int64)[positions]
        lengths = row.distinct[positions, None].astype(np.int64)
        exists = np.arange(most) < lengths
        at = np.where(exists, ends[:, None] - lengths + np.arange(most), 0)
        counts = np.where(exists, row.counts[at], 0).astype(np.float32)
        ids.append(np.where(exists, row.kept_ids[at], 0).astype(np.int64))
        weights.append(counts / counts.sum(axis=1, keepdims=True))
    return np.concatenate([np.zeros((0, most), np.int64), *ids]), np.concatenate(
        [np.zeros((0, most), np.float32), *weights]
    )


class LiveTeacher:
    """A teacher that runs the frozen text LLM; `vocabulary` as in TeacherSignal."""

    def __init__(
        self, model: PreTrainedModel, temperature: float = 1.0, packed: bool = False, vocabulary: int | None = None
    ):
        self.model = model.eval().requires_grad_(False)
        self.temperature, self.packed, self.vocabulary = temperature, packed, vocabulary

    @torch.no_grad()
    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> HiddenDistributions:
        """Compute the distributions, as TeacherSignal, in the form of hidden states."""
        self.model.to(device)
        hidden = hidden_states(self.model, token_ids, targets, device, self.packed)
        return HiddenDistributions(hidden, self.model.get_output_embeddings(), self.temperature, self.vocabulary)


def doubled_at(config: PretrainedConfig) -> float:
    """Return the length of a line at which attention costs about as much as all other layers (`place_on_lines`).

    By operations it is 6 times the width; measured on a CPU at width 256, 4.9 times.
    """
    if config._attn_implementation in SKIP_WHAT_IS_MASKED:
        return math.inf
    return 5.0 * config.get_text_config().hidden_size


def hidden_states(
    model: PreTrainedModel,
    token_ids: list[np.ndarray],
    targets: list[np.ndarray],
    device: torch.device,
    packed: bool = False,
) -> torch.Tensor:
    """Return the last hidden states from which the targets are predicted, [P, H].

    Args:
        token_ids, targets: as `TeacherSignal.distributions`.
        packed: put several rows on a line, where position ids that restart at 0 separate them; otherwise rows are
            padded at the end.
    """
    lengths = [len(text) for text in token_ids]
    lines = place_on_lines(lengths, doubled_at(model.config)) if packed else [[row] for row in range(len(lengths))]
    length = max(sum(lengths[row] for row in line) for line in lines)
    tokens, position_ids = (np.zeros((len(lines), length), dtype=np.int64) for _ in range(2))
    begins = np.zeros(len(lengths), dtype=np.int64)  # flat position of each row's first token
    for number, line in enumerate(lines):
        begin = 0
        for row in line:
            inside = slice(begin, begin + lengths[row])
            tokens[number, inside], position_ids[number, inside] = token_ids[row], np.arange(lengths[row])
            begins[row] = number * length + begin
            begin += lengths[row]
        position_ids[number, begin:] = np.arange(length - begin)
    inputs = {"input_ids": torch.from_numpy(tokens).to(device)}
    if len(lines) < len(lengths):
        inputs["position_ids"] = torch.from_numpy(position_ids).to(device)
    # With a cache the rows of a line would see each other.
    hidden = model.get_decoder()(**inputs, use_cache=False).last_hidden_state
    places = np.concatenate([of_row - 1 + begin for of_row, begin in zip(targets, begins, strict=True)])
    return hidden.flatten(0, 1)[torch.from_numpy(places).to(device)]
