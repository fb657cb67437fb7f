"""From the text LLM's logits to the rows of a teacher cache, in tensors all the way."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from saladkit.errors import SaladError
from saladkit.formats.teacher_cache import CachedRow, SampledRow, TopKRow, digest_tokens
from saladkit.teacher.distributions import at_least_float32, exponentiate, top_k_from_logits
from saladkit.teacher.sampling import draw_from_masses
from saladkit.teacher.signals import hidden_states

# Logits that stay in a core's cache: at V = 3,072, 1.7 times faster than all of 8,192 positions at once. A wide
# vocabulary is cut into pieces of 256 positions at least, for a matrix product wants rows: at V = 151,936 and H = 896
# it takes 2.4 ms a position in pieces of 64 on two cores, and 1.6 in pieces of 256.
CPU_LOGITS, LEAST_POSITIONS, GPU_LOGITS = 512 * 3072, 256, 2**28


@dataclass(frozen=True)
class TopK:
    """The `k` most likely tokens and the mass of the rest."""

    k: int
    temperature: float

    def encode(self, logits: Tensor, labels: Tensor, uniforms: Tensor) -> tuple[Tensor, ...]:
        """Logits float [P, V], used up -> ids [P, k], log-probabilities float16 [P, k], log tails [P]."""
        sparse = top_k_from_logits(_scaled(logits, self.temperature), self.k, used_up=True)
        return sparse.kept_ids.to(torch.int32), sparse.kept_log_probs.to(torch.float16), sparse.log_tail

    @staticmethod
    def rows(arrays: tuple[np.ndarray, ...], lengths: list[int]) -> Iterator[TopKRow]:
        """Cut what texts of so many positions made, one after another."""
        bounds = np.cumsum([0, *lengths])
        for begin, end in zip(bounds, bounds[1:], strict=False):
            yield TopKRow(*(array[begin:end] for array in arrays))


@dataclass(frozen=True)
class Sampled:
    """Tokens drawn, the same ones counted; and the log-probability of the text's own next token."""

    draws: int
    temperature: float

    def encode(self, logits: Tensor, labels: Tensor, uniforms: Tensor) -> tuple[Tensor, ...]:
        """Logits float [P, V], used up -> distinct [P], ids [K], counts [K], label log-probabilities float16 [P]."""
        logits = at_least_float32(logits)
        of_labels = logits.gather(-1, labels[:, None])[:, 0]
        masses = _scaled(logits, self.temperature)
        log_mass, _ = exponentiate(logits)
        if masses is not logits:
            exponentiate(masses)
        drawn = draw_from_masses(masses, self.draws, uniforms)
        return *drawn, (of_labels - log_mass).to(torch.float16)

    @staticmethod
    def rows(arrays: tuple[np.ndarray, ...], lengths: list[int]) -> Iterator[SampledRow]:
        """Cut what texts of so many positions made, one after another."""
        distinct, ids, counts, labels = arrays
        bounds = np.cumsum([0, *lengths])
        kept = np.concatenate([[0], np.cumsum(distinct, dtype=np.int64)])[bounds]
        for here, there in zip(zip(bounds, bounds[1:], strict=False), zip(kept, kept[1:], strict=False), strict=True):
            (begin, end), (first, last) = here, there
            yield SampledRow(distinct[begin:end], ids[first:last], counts[first:last], labels[begin:end])


Encoding = TopK | Sampled


def _scaled(logits: Tensor, temperature: float) -> Tensor:
    return logits if temperature == 1 else logits / temperature


@torch.inference_mode()
def encode_texts(
    model: PreTrainedModel, texts: list[np.ndarray], encoding: Encoding, device: str, seed: int
) -> tuple[Tensor, ...]:
    """What a cache holds of a batch of texts, on the device still.

    A text's random numbers depend on the seed and the text alone, whatever else is in its batch.
    """
    targets = [np.arange(1, len(tokens)) for tokens in texts]
    hidden = hidden_states(model, texts, targets, torch.device(device))
    labels = torch.from_numpy(np.concatenate([tokens[1:] for tokens in texts]).astype(np.int64)).to(device)
    uniforms = (_uniforms(texts, seed) if isinstance(encoding, Sampled) else torch.empty(0)).to(device)
    head = model.get_output_embeddings()
    size = positions_a_piece(head.weight)
    pieces = [
        encoding.encode(head(hidden[at : at + size]), labels[at : at + size], uniforms[at : at + size])
        for at in range(0, len(hidden), size)
    ]
    return tuple(torch.cat(parts) for parts in zip(*pieces, strict=True))


def vocabulary_of(model: PreTrainedModel) -> int:
    """How many tokens the head scores; padding of the vocabulary counts."""
    return model.get_output_embeddings().weight.shape[0]


def positions_a_piece(weight: Tensor) -> int:
    """How many positions the head is run on at once."""
    logits = CPU_LOGITS if weight.device.type == "cpu" else GPU_LOGITS
    return max(LEAST_POSITIONS, logits // weight.shape[0])


def _uniforms(texts: list[np.ndarray], seed: int) -> Tensor:
    """A number in [0, 1] for each position, float32."""
    keys = [int.from_bytes(digest_tokens(tokens)[:16], "little") for tokens in texts]
    drawn = [
        np.random.default_rng([seed, 6, key]).random(len(tokens) - 1) for key, tokens in zip(keys, texts, strict=True)
    ]
    return torch.from_numpy(np.concatenate(drawn).astype(np.float32))


def to_rows(tensors: tuple[Tensor, ...], encoding: Encoding, lengths: list[int]) -> list[CachedRow]:
    """Bring a batch from the device and cut it into the rows of its texts.

    Raises:
        SaladError: the text LLM gives values that are not numbers.
    """
    arrays = tuple(tensor.cpu().numpy() for tensor in tensors)
    if any(np.isnan(values).any() for values in arrays if np.issubdtype(values.dtype, np.floating)):
        raise SaladError("the text LLM gives values that are not finite", "Try --dtype float32 or bfloat16.")
    return list(encoding.rows(arrays, lengths))
