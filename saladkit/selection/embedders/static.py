"""Embed texts with static embeddings in model2vec's layout: the mean of one stored vector per token. No model runs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from saladkit.errors import SaladError
from saladkit.formats.embeddings import WHOLE
from saladkit.selection.embedders.embedder import unit

TEXTS_PER_BATCH = 1024


def is_static(folder: Path) -> bool:
    """Return whether a folder holds model2vec's weights: a tensor `embeddings`, which no transformer has."""
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return False
    try:
        with safe_open(weights, framework="numpy") as tensors:
            return "embeddings" in tensors.keys()
    except SafetensorError as error:
        raise SaladError(f"{weights} is damaged: {error}", "Give a complete folder of an encoder.") from error


class StaticEmbedder:
    """Static embeddings of a local folder in model2vec's format. A text without a known token has the vector 0.

    Raises:
        SaladError: model2vec is not installed, or cannot load the folder.
    """

    def __init__(self, folder: Path):
        try:
            from model2vec import StaticModel
        except ImportError as error:
            raise SaladError(
                f"{folder} holds static embeddings, and the package model2vec is not installed",
                "Run: pip install 'saladkit[model2vec]'",
            ) from error
        try:
            self._model = StaticModel.from_pretrained(folder)
        except Exception as error:  # the tokenizer raises a bare Exception for a damaged file
            raise SaladError(
                f"{folder} cannot be loaded as static embeddings: {error}", "Give a complete folder of model2vec."
            ) from error
        self._model.embedding = self._model.embedding.astype(np.float32)  # means are taken in the stored type

    def encode(self, texts: list[str], advance: Callable[[int], object]) -> np.ndarray:
        """As `Embedder.encode`."""
        found = []
        for begin in range(0, len(texts), TEXTS_PER_BATCH):
            batch = texts[begin : begin + TEXTS_PER_BATCH]
            found.append(self._model.encode(batch, normalize=False))
            advance(len(batch))
        return unit(np.concatenate(found))

    def characters_read(self, texts: list[str]) -> np.ndarray:
        """As `Embedder.characters_read`: model2vec cuts a text at a number of characters, and then of tokens."""
        limit = self._model.max_length
        if limit is None:
            return np.full(len(texts), WHOLE)
        most = limit * self._model.median_token_length
        encoded = self._model.tokenizer.encode_batch([text[:most] for text in texts], add_special_tokens=False)
        found = []
        for text, tokens in zip(texts, encoded, strict=True):
            end = tokens.offsets[-1][1] if len(tokens.offsets) >= limit else most
            found.append(end if text[end:].strip() else WHOLE)
        return np.array(found)
