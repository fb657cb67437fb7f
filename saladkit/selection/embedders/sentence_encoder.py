"""Embed texts with a sentence-transformers encoder: pooling, length limit, prompt and layers are the encoder's own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from saladkit.batches import batches_by_length
from saladkit.errors import SaladError
from saladkit.model.loading import check_tokenizer_fits
from saladkit.selection.embedders.embedder import unit
from saladkit.selection.embedders.limits import characters_read


class SentenceEncoder:
    """A sentence encoder of a local folder, in sentence-transformers' format; code in the folder is never run.

    Raises:
        SaladError: the folder cannot be loaded, has weights only as a pickle, or its tokenizer does not fit.
    """

    def __init__(self, folder: Path, *, device: str, dtype: str, batch_tokens: int):
        from sentence_transformers import SentenceTransformer  # here, because it takes four seconds to import

        _check_weights_are_safe(folder)
        try:
            self._model = SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                model_kwargs={"dtype": getattr(torch, dtype), "use_safetensors": True},
            )
        except Exception as error:  # each layer raises its own kind of error for a damaged file
            raise SaladError(
                f"{folder} cannot be loaded as a sentence encoder: {type(error).__name__}: {error}",
                "Give a complete folder of a sentence-transformers encoder, or lm:MODEL for a text LLM.",
            ) from error
        if self._model.transformers_model is not None:
            check_tokenizer_fits(self._model.transformers_model, self._model.tokenizer, folder)
            _pool_in_float32(self._model)
        self._batch_tokens = batch_tokens

    def encode(self, texts: list[str], advance: Callable[[int], object]) -> np.ndarray:
        """As `Embedder.encode`."""
        order: list[int] = []
        found: list[np.ndarray] = []
        for batch in batches_by_length(self._lengths(texts), padded=self._batch_tokens, longest_first=True):
            some = [texts[index] for index in batch]
            found.append(self._model.encode(some, batch_size=len(some), show_progress_bar=False))
            order += batch
            advance(len(batch))
        return unit(np.concatenate(found)[np.argsort(order)])

    def characters_read(self, texts: list[str]) -> np.ndarray:
        """As `Embedder.characters_read`."""
        if self._model.transformers_model is None:
            return characters_read(self._model.tokenizer, texts, None)
        return characters_read(self._model.tokenizer, texts, self._model.max_seq_length, self._prompt)

    @property
    def _prompt(self) -> str:
        return self._model.prompts.get(self._model.default_prompt_name or "") or ""

    def _lengths(self, texts: list[str]) -> list[int]:
        """Return the tokens of each text, its prompt and the length limit included."""
        if self._model.transformers_model is None:
            return [1] * len(texts)  # a static embedding, which pads nothing
        prompted = [self._prompt + text for text in texts]
        rows = self._model.tokenizer(prompted, truncation=True, max_length=self._model.max_seq_length)["input_ids"]
        return [len(row) for row in rows]


def _check_weights_are_safe(folder: Path) -> None:
    for weights in sorted(folder.rglob("pytorch_model*.bin")):
        if not list(weights.parent.glob("*.safetensors")):
            raise SaladError(
                f"{weights} is a pickle, which may run code when it is loaded", "Convert it to safetensors."
            )


def _pool_in_float32(model: nn.Sequential) -> None:
    """Run the layers after the transformer in float32: bfloat16 is coarser than the float16 that is stored."""
    transformer, *further = model
    for layer in further:
        layer.float()

    def to_float32(layer: nn.Module, inputs: object, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**features, "token_embeddings": features["token_embeddings"].float()}

    transformer.register_forward_hook(to_float32)
