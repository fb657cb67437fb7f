"""Encode the text LLM's logits as rows of a teacher cache, with tensor operations only."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from saladkit.errors import SaladError
from saladkit.formats.teacher_cache import CachedRow, SampledRow, TopKRow, digest_tokens
from saladkit.teacher.distributions import at_least_float32, exponentiate, top_k_from_logits
from saladkit.teacher.sampling import draw_from_masses
from saladkit.teacher.signals import hidden_states

# The head runs on pieces whose logits fit into a core's cache: at V = 3,072 this is 1.7 times faster than 8,192
# positions at once. With a large vocabulary a piece still has at least 256 positions, because a matrix product is slow
# on few rows: at V = 151,936 and H = 896 on two cores, a position takes 2.4 ms in pieces of 64, and 1.6 ms in pieces
# of 256.
CPU_LOGITS, LEAST_POSITIONS, GPU_LOGITS = 512 * 3072, 256, 2**28


@dataclass(frozen=True)
class TopK:
    """Keep the `k` most probable tokens, and the probability of all others together."""

    k: int
    temperature: float

    def encode(self, logits: Tensor, labels: Tensor, uniforms: Tensor) -> tuple[Tensor, ...]:
        """Encode logits [P, V], overwriting them: ids int32 [P, k], log-probabilities float16 [P, k], log tails [P]."""
        sparse = top_k_from_logits(_divided(logits, self.temperature), self.k, overwrite=True)
        return sparse.kept_ids.to(torch.int32), sparse.kept_log_probs.to(torch.float16), sparse.log_tail

    @staticmethod
    def rows(arrays: tuple[np.ndarray, ...], lengths: list[int]) -> Iterator[TopKRow]:
        """Cut the arrays of `encode` into one row per text; `lengths` are the texts' numbers of positions."""
        bounds = np.cumsum([0, *lengths])
        for begin, end in pairwise(bounds):
            yield TopKRow(*(array[begin:end] for array in arrays))


@dataclass(frozen=True)
class Sampled:
    """Keep `draws` random tokens, equal ones counted together, and the log-probabilities of the text's own tokens."""

    draws: int
    temperature: float

    def encode(self, logits: Tensor, labels: Tensor, uniforms: Tensor) -> tuple[Tensor, ...]:
        """Encode the distributions of P positions.

        Args:
            logits: float [P, V], overwritten.
            labels: int64 [P], the text's own next tokens; any token at the last position of a text.
            uniforms: float [P], a random number in [0, 1) for each position.

        Returns:
            `distinct`, `kept_ids` and `counts` as `draw_from_masses`, and the labels' log-probabilities, float16 [P].
        """
        logits = at_least_float32(logits)
        label_logits = logits.gather(-1, labels[:, None])[:, 0]
        masses = _divided(logits, self.temperature)
        log_mass, _ = exponentiate(logits)
        if masses is not logits:
            exponentiate(masses)
        drawn = draw_from_masses(masses, self.draws, uniforms)
        return *drawn, (label_logits - log_mass).to(torch.float16)

    @staticmethod
    def rows(arrays: tuple[np.ndarray, ...], lengths: list[int]) -> Iterator[SampledRow]:
        """Cut the arrays of `encode` into one row per text; `lengths` are the texts' numbers of positions."""
        distinct, ids, counts, labels = arrays
        bounds = np.cumsum([0, *lengths])
        kept = np.concatenate([[0], np.cumsum(distinct, dtype=np.int64)])[bounds]
        for (begin, end), (first, last) in zip(pairwise(bounds), pairwise(kept), strict=True):
            yield SampledRow(distinct[begin:end], ids[first:last], counts[first:last], labels[begin : end - 1])


Encoding = TopK | Sampled


def _divided(logits: Tensor, temperature: float) -> Tensor:
    return logits if temperature == 1 else logits / temperature


@torch.inference_mode()
def encode_texts(
    model: PreTrainedModel, texts: list[np.ndarray], encoding: Encoding, device: str, seed: int
) -> tuple[Tensor, ...]:
    """Run a batch of texts through the text LLM and encode its distributions.

    A text's random numbers depend on the seed and the text alone, not on the rest of the batch.

    Args:
        texts: token ids of each text, int32 [n].

    Returns:
        The tensors of `encoding.encode` for all positions of all texts, on the device.
    """
    targets = [np.arange(1, len(tokens) + 1) for tokens in texts]
    hidden = hidden_states(model, texts, targets, torch.device(device))
    labels = torch.from_numpy(np.concatenate([np.roll(tokens, -1) for tokens in texts]).astype(np.int64)).to(device)
    uniforms = (_uniforms(texts, seed) if isinstance(encoding, Sampled) else torch.empty(0)).to(device)
    head = model.get_output_embeddings()
    size = positions_a_piece(head.weight)
    pieces = [
        encoding.encode(head(hidden[at : at + size]), labels[at : at + size], uniforms[at : at + size])
        for at in range(0, len(hidden), size)
    ]
    return tuple(torch.cat(parts) for parts in zip(*pieces, strict=True))


def vocabulary_of(model: PreTrainedModel) -> int:
    """Return the number of tokens that the head scores, padding of the vocabulary included."""
    return model.get_output_embeddings().weight.shape[0]


def positions_a_piece(weight: Tensor) -> int:
    """Return how many positions the head of weight [V, H] runs on at once."""
    logits = CPU_LOGITS if weight.device.type == "cpu" else GPU_LOGITS
    return max(LEAST_POSITIONS, logits // weight.shape[0])


def _uniforms(texts: list[np.ndarray], seed: int) -> Tensor:
    """Draw a number from 0 to 1 for each position of each text, float32."""
    keys = [int.from_bytes(digest_tokens(tokens)[:16], "little") for tokens in texts]
    drawn = [np.random.default_rng([seed, 6, key]).random(len(tokens)) for key, tokens in zip(keys, texts, strict=True)]
    return torch.from_numpy(np.concatenate(drawn).astype(np.float32))


def to_rows(tensors: tuple[Tensor, ...], encoding: Encoding, lengths: list[int]) -> list[CachedRow]:
    """Copy an encoded batch from the device and cut it into one row per text.

    Args:
        tensors: what `encode_texts` returned.
        lengths: number of positions of each text.

    Raises:
        SaladError: the text LLM computed values that are not finite.
    """
    arrays = tuple(tensor.cpu().numpy() for tensor in tensors)
    if any(np.isnan(values).any() for values in arrays if np.issubdtype(values.dtype, np.floating)):
        raise SaladError("the text LLM gives values that are not finite", "Try --dtype float32 or bfloat16.")
    return list(encoding.rows(arrays, lengths))
