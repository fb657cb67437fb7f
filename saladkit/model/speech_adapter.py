"""The speech adapter: from the speech encoder's vectors to vectors of the language model's width."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaModel
from transformers.cache_utils import Cache

from saladkit.model.cache_name import CACHE
from saladkit.model.configuration import SaladConfig
from saladkit.settings.distill import LEARNED


class SpeechAdapter(nn.Module):
    """Llama-style causal layers between two linear projections.

    A vector's length is free (the output of the last projection as it is, as in the paper), or all vectors have the
    same learned length. The lexical loss needs the latter: it compares directions only, so free vectors of the desk
    become seven times as long as its embeddings, and what the language model's layers add to the residual stream
    becomes negligible.
    """

    def __init__(self, config: SaladConfig):
        super().__init__()
        width = config.adapter_config.hidden_size
        self.project_in = nn.Linear(config.vector_width, width)
        self.layers = LlamaModel(config.adapter_config)
        # The input is vectors; an unused table would only be saved and synchronised.
        self.layers.register_module("embed_tokens", None)
        self.project_out = nn.Linear(width, config.text_config.hidden_size)
        # [1], as FSDP cannot shard a scalar
        self.length = nn.Parameter(torch.ones(1)) if config.adapter_length == LEARNED else None

    @torch.no_grad()
    def start_at_length(self, length: Tensor) -> None:
        """Give the vectors of an untrained adapter this length, a scalar: if free, in the mean of squares.

        The last norm gives hidden states of mean square 1 in each direction. A projection W makes vectors of mean
        square ||W||² (Frobenius) of them, whatever W is, if their directions are spread evenly.
        """
        if self.length is not None:
            self.length.copy_(length)
        else:
            self.project_out.weight.mul_(length / self.project_out.weight.norm())
            self.project_out.bias.zero_()

    def forward(self, vectors: Tensor, position_ids: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """Return vectors [S, T, text hidden_size] for encoder vectors [S, T, vector_width].

        Args:
            vectors: one span per row, padded at the end, which causal layers never see; or all spans in one row.
            position_ids: int64 [1, T], restarting at 0 with each span, if all spans are in one row.
            cache: keys and values of the vectors of the same spans before these, updated.
        """
        inputs = {"inputs_embeds": self.project_in(vectors), "position_ids": position_ids, CACHE: cache}
        hidden = self.layers(**inputs, use_cache=cache is not None).last_hidden_state
        vectors = self.project_out(hidden)
        return vectors if self.length is None else self.length * functional.normalize(vectors, dim=-1)
