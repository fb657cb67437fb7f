"""Embeddings by a transformer: its last hidden states, pooled. Texts of about one length share a batch."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from saladkit.selection.embedders.embedder import unit

Pooling = Callable[[Tensor, Tensor], Tensor]


def mean_of_tokens(hidden: Tensor, mask: Tensor) -> Tensor:
    """[B, T, D] and [B, T] to [B, D]."""
    weights = mask[..., None].to(hidden)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def first_token(hidden: Tensor, mask: Tensor) -> Tensor:
    """[B, T, D] to [B, D]: BERT's [CLS]."""
    return hidden[:, 0]


def last_token(hidden: Tensor, mask: Tensor) -> Tensor:
    """[B, T, D] and [B, T] to [B, D]."""
    return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(dim=1) - 1]


POOLINGS: dict[str, Pooling] = {"mean": mean_of_tokens, "cls": first_token, "lasttoken": last_token}


class TransformerEmbedder:
    """Any model of transformers without a head."""

    def __init__(
        self,
        model: torch.nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        pooling: Pooling,
        *,
        max_tokens: int,
        batch_tokens: int,
        prompt: str = "",
        lower_case: bool = False,
    ):
        self._model, self._tokenizer, self._pooling = model, tokenizer, pooling
        self._max_tokens, self._batch_tokens = max_tokens, batch_tokens
        self._prompt, self._lower_case = prompt, lower_case
        self._device = next(model.parameters()).device

    @torch.inference_mode()
    def encode(self, texts: list[str], advance: Callable[[int], object]) -> np.ndarray:
        """As `Embedder.encode`."""
        prompted = [self._prompt + (text.lower() if self._lower_case else text) for text in texts]
        rows = self._tokenizer(prompted, truncation=True, max_length=self._max_tokens)["input_ids"]
        vectors: np.ndarray | None = None
        for batch in batches_by_tokens([len(row) for row in rows], self._batch_tokens):
            ids, mask = self._padded([rows[index] for index in batch])
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            pooled = self._pooling(hidden.float(), mask).cpu().numpy()
            vectors = np.empty((len(texts), pooled.shape[1]), dtype=np.float32) if vectors is None else vectors
            vectors[batch] = pooled
            advance(len(batch))
        return unit(vectors)

    def _padded(self, rows: list[list[int]]) -> tuple[Tensor, Tensor]:
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
            mask[place, : len(row)] = 1
        return ids.to(self._device), mask.to(self._device)


def batches_by_tokens(lengths: list[int], batch_tokens: int) -> Iterator[list[int]]:
    """Indices of texts in the order of their lengths, the longest first, as many as fit with their padding.

    The longest come first, so that what does not fit into memory shows at once.
    """
    order = np.argsort(-np.asarray(lengths), kind="stable").tolist()
    while order:
        count = max(1, batch_tokens // max(1, lengths[order[0]]))
        yield order[:count]
        order = order[count:]
