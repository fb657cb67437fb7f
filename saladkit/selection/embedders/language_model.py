"""Embed texts with a text LLM: the mean of its last hidden states."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from saladkit.batches import batches_by_length
from saladkit.formats.embeddings import WHOLE
from saladkit.model.limits import limits_of
from saladkit.model.loading import load_text_model, load_tokenizer
from saladkit.rows.tokens import sets_bos
from saladkit.selection.embedders.embedder import unit
from saladkit.selection.embedders.limits import characters_read

MAX_TOKENS = 512  # the limit of most sentence encoders


class LanguageModelEmbedder:
    """The decoder of a text LLM; the first `MAX_TOKENS` tokens of each text are used, or those that the model reads."""

    def __init__(self, name: str, *, device: str, dtype: str, batch_tokens: int):
        model = load_text_model(name, dtype=dtype, device=device)
        self._decoder = model.get_decoder().eval()
        self._tokenizer = load_tokenizer(name)
        self._limit = limits_of(model.config, name).at_most(MAX_TOKENS)
        # The tokenizer sets the BOS of every text, so that of a text that brings its own is left out.
        self._own_bos = self._tokenizer.bos_token if sets_bos(self._tokenizer) else ""
        self._device, self._batch_tokens = device, batch_tokens

    @torch.inference_mode()
    def encode(self, texts: list[str], advance: Callable[[int], object]) -> np.ndarray:
        """As `Embedder.encode`."""
        bare = [text.removeprefix(self._own_bos) for text in texts]
        rows = self._tokenizer(bare, truncation=True, max_length=self._limit)["input_ids"]
        vectors = np.empty((len(texts), self._decoder.config.hidden_size), dtype=np.float32)
        for batch in batches_by_length([len(row) for row in rows], padded=self._batch_tokens, longest_first=True):
            ids, mask = (part.to(self._device) for part in _padded([rows[index] for index in batch]))
            hidden = self._decoder(input_ids=ids, attention_mask=mask).last_hidden_state
            vectors[batch] = _mean_of_tokens(hidden.float(), mask).cpu().numpy()
            advance(len(batch))
        return unit(vectors)

    def characters_read(self, texts: list[str]) -> np.ndarray:
        """As `Embedder.characters_read`."""
        bare = [text.removeprefix(self._own_bos) for text in texts]
        found = characters_read(self._tokenizer, bare, self._limit)
        left_out = np.array([len(text) - len(rest) for text, rest in zip(texts, bare, strict=True)])
        return np.where(found == WHOLE, WHOLE, found + left_out)


def _padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Return token ids and attention mask, both [B, T]."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    return ids, mask


def _mean_of_tokens(hidden: Tensor, mask: Tensor) -> Tensor:
    """Average [B, T, D] over the tokens that the mask [B, T] keeps."""
    weights = mask[..., None].to(hidden)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
