"""Texts as vectors of length 1, so that texts of one domain lie near each other."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModel

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder
from saladkit.model.loading import load_text_model, load_tokenizer
from saladkit.runtime import progress

LM_PREFIX = "lm:"
MAX_TOKENS = 512


@dataclass(frozen=True)
class Embedder:
    """Embeds texts; `centred` says that the mean of the pool is to be taken off before the vectors are normalised."""

    encode: Callable[[list[str]], np.ndarray]
    centred: bool


def open_embedder(name: str, *, device: str, dtype: str, batch_size: int) -> Embedder:
    """`lm:MODEL`: mean of a text LLM's last hidden states. Else an encoder, pooled as its own settings say.

    Hidden states of an LLM share one large common direction, so they are centred; encoders are trained for cosine.

    Raises:
        SaladError: no such model.
    """
    centred = name.startswith(LM_PREFIX)
    if centred:
        folder = name.removeprefix(LM_PREFIX)
        model = load_text_model(folder, dtype=dtype, device=device).get_decoder().eval()
        pooling = _mean
    else:
        folder = name
        check_model_folder(folder)
        try:
            model = AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype)).to(device).eval()
        except Exception as error:  # transformers raises whatever the file at fault led to
            raise SaladError(f"{name} cannot be loaded: {error}", "Give an encoder's folder, or lm:MODEL.") from error
        pooling = _pooling_of(folder)
    tokenizer = load_tokenizer(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token

    @torch.inference_mode()
    def encode(texts: list[str]) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors: list[np.ndarray | None] = [None] * len(texts)
        for begin in progress(range(0, len(order), batch_size), what="embed", unit="batch"):
            batch = order[begin : begin + batch_size]
            encoded = tokenizer(
                [texts[i] for i in batch],
                padding=True,
                padding_side="right",
                truncation=True,
                max_length=MAX_TOKENS,
                return_tensors="pt",
            ).to(device)
            hidden = model(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]).last_hidden_state
            pooled = pooling(hidden.float(), encoded["attention_mask"]).cpu().numpy()
            for index, vector in zip(batch, pooled, strict=True):
                vectors[index] = vector
        return np.stack(vectors)

    return Embedder(encode, centred)


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    weights = mask[..., None].to(hidden)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def _first(hidden: Tensor, mask: Tensor) -> Tensor:
    return hidden[:, 0]


def _pooling_of(folder: str) -> Callable[[Tensor, Tensor], Tensor]:
    """What sentence-transformers' settings beside the model say; the mean where there are none."""
    settings = Path(folder) / "1_Pooling" / "config.json"
    if settings.is_file() and json.loads(settings.read_text()).get("pooling_mode_cls_token"):
        return _first
    return _mean


def normalise(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(vectors [N, D] - centre [D]), each scaled to length 1, float32."""
    moved = (vectors - centre).astype(np.float32)
    return np.ascontiguousarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12))
