"""From the speech encoder's vectors to the language model's width, causal."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaModel

from saladkit.model.configuration import SaladConfig


class SpeechAdapter(nn.Module):
    """Llama-style causal layers between two linear projections; its vectors have one length, which is learned.

    Speech starts at the length of text (`SaladForCausalLM.from_text_model` sets it). Left free, a loss of directions
    makes vectors seven times as long as the desk's embeddings: they drown what the layers add to the residual stream.
    """

    def __init__(self, config: SaladConfig):
        super().__init__()
        width = config.adapter_config.hidden_size
        self.project_in = nn.Linear(config.vector_width, width)
        self.layers = LlamaModel(config.adapter_config)
        self.layers.embed_tokens = None  # it reads vectors; an unused table would only be saved and synchronised
        self.project_out = nn.Linear(width, config.text_config.hidden_size)
        self.length = nn.Parameter(torch.ones(1))  # FSDP cannot cut a scalar

    def forward(self, vectors: Tensor, position_ids: Tensor | None = None) -> Tensor:
        """[S, T, vector_width] -> [S, T, text hidden_size], each vector `length` long.

        Spans are padded at the end, which causal layers never see; or, all in one row, `position_ids` [1, T] begin
        anew with each.
        """
        read = {"inputs_embeds": self.project_in(vectors), "position_ids": position_ids}
        hidden = self.layers(**read, use_cache=False).last_hidden_state
        return self.length * functional.normalize(self.project_out(hidden), dim=-1)
