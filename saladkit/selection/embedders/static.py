"""Static embeddings in model2vec's layout: the mean of one stored vector a token. No model runs."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import safe_open
from tokenizers import Tokenizer

from saladkit.errors import SaladError
from saladkit.selection.embedders.embedder import unit

TEXTS_PER_BATCH = 1024


def is_static(folder: Path) -> bool:
    """Whether a folder has weights with a tensor `embeddings`, which no transformer has."""
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return False
    with safe_open(weights, framework="numpy") as tensors:
        return "embeddings" in tensors.keys()


class StaticEmbedder:
    """`model.safetensors` with `embeddings` [T, D], maybe `weights` [V] and `mapping` [V], and `tokenizer.json`."""

    def __init__(self, folder: Path):
        with safe_open(folder / "model.safetensors", framework="numpy") as tensors:
            stored = {name: tensors.get_tensor(name) for name in tensors.keys()}
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            longest = json.loads((folder / "config.json").read_text()).get("max_length", 512)
        except Exception as error:  # tokenizers raises a bare Exception
            raise SaladError(f"{folder}: its tokenizer cannot be loaded: {error}", "Give a folder of model2vec.") from (
                error
            )
        self._tokenizer.no_padding()
        self._characters = None
        if longest is not None:
            self._tokenizer.enable_truncation(int(longest))
            # What model2vec cuts off before it counts tokens.
            self._characters = int(longest) * int(np.median([len(token) for token in self._tokenizer.get_vocab()]))
        self._unknown = self._unknown_id()
        # One table by token id: a quantised vocabulary has fewer vectors than tokens, and each may have a weight.
        table = stored["embeddings"].astype(np.float32)
        if "mapping" in stored:
            table = table[stored["mapping"]]
        if "weights" in stored:
            table = table * stored["weights"].astype(np.float32)[: len(table), None]
        if len(table) < self._tokenizer.get_vocab_size():
            raise SaladError(
                f"{folder} has {len(table)} vectors and a tokenizer of {self._tokenizer.get_vocab_size()} tokens",
                "Give a folder whose tokenizer and weights belong together.",
            )
        self._table = table

    def _unknown_id(self) -> int | None:
        model = json.loads(self._tokenizer.to_str())["model"]
        if "unk_id" in model:  # of a Unigram model
            return model["unk_id"]
        return None if model.get("unk_token") is None else self._tokenizer.token_to_id(model["unk_token"])

    def encode(self, texts: list[str], advance: Callable[[int], object]) -> np.ndarray:
        """As `Embedder.encode`; a text without a known token has the vector 0."""
        vectors = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        for begin in range(0, len(texts), TEXTS_PER_BATCH):
            batch = [text[: self._characters] for text in texts[begin : begin + TEXTS_PER_BATCH]]
            for row, encoded in enumerate(self._tokenizer.encode_batch_fast(batch, add_special_tokens=False), begin):
                known = [token for token in encoded.ids if token != self._unknown]
                if known:
                    vectors[row] = self._table[known].mean(axis=0)
            advance(len(batch))
        return unit(vectors)
