"""The speech adapter: from the speech encoder's vectors to vectors of the language model's width."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaModel
from transformers.cache_utils import Cache

from saladkit.model.cache_name import CACHE
from saladkit.model.configuration import SaladConfig


class SpeechAdapter(nn.Module):
    """Llama-style causal layers between two linear projections; all output vectors have the same, learned, norm.

    The norm starts at that of the text embeddings (`SaladForCausalLM.from_text_model`). If it is free, the lexical
    loss, which compares directions only, makes the vectors of the desk seven times as long as its embeddings, and what
    the language model's layers add to the residual stream becomes negligible.
    """

    def __init__(self, config: SaladConfig):
        super().__init__()
        width = config.adapter_config.hidden_size
        self.project_in = nn.Linear(config.vector_width, width)
        self.layers = LlamaModel(config.adapter_config)
        # The input is vectors; an unused table would only be saved and synchronised.
        self.layers.register_module("embed_tokens", None)
        self.project_out = nn.Linear(width, config.text_config.hidden_size)
        self.length = nn.Parameter(torch.ones(1))  # [1], as FSDP cannot shard a scalar

    def forward(self, vectors: Tensor, position_ids: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """Return vectors [S, T, text hidden_size], each of norm `length`, for encoder vectors [S, T, vector_width].

        Args:
            vectors: one span per row, padded at the end, which causal layers never see; or all spans in one row.
            position_ids: int64 [1, T], restarting at 0 with each span, if all spans are in one row.
            cache: keys and values of the vectors of the same spans before these, updated.
        """
        inputs = {"inputs_embeds": self.project_in(vectors), "position_ids": position_ids, CACHE: cache}
        hidden = self.layers(**inputs, use_cache=cache is not None).last_hidden_state
        return self.length * functional.normalize(self.project_out(hidden), dim=-1)
