"""From front-end frames to vectors of the language model's width: speech encoder and adapter, both causal."""

from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaModel

from saladkit.model.configuration import SaladConfig


class LogMelEncoder(nn.Module):
    """Causal strided convolutions: log-mel frames at 100/s -> vectors at 12.5/s (three layers of stride 2)."""

    kernel, stride = 4, 2

    def __init__(self, config: SaladConfig):
        super().__init__()
        widths = [config.num_mel_bins] + [config.encoder_width] * config.encoder_layers
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, self.kernel, self.stride)
            for before, after in zip(widths, widths[1:], strict=False)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(config.encoder_width) for _ in self.convolutions)

    def forward(self, frames: Tensor) -> Tensor:
        """frames [S, T, num_mel_bins], T a multiple of 8 -> [S, T / 8, encoder_width].

        Vector i has heard frames < 8(i + 1).
        """
        hidden = frames
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            past = functional.pad(hidden.transpose(1, 2), (self.kernel - self.stride, 0))
            hidden = functional.gelu(norm(convolution(past).transpose(1, 2)))
        return hidden


class SpeechAdapter(nn.Module):
    """Llama-style causal layers between two linear projections."""

    def __init__(self, config: SaladConfig):
        super().__init__()
        width = config.adapter_config.hidden_size
        self.project_in = nn.Linear(config.encoder_width, width)
        self.layers = LlamaModel(config.adapter_config)
        self.layers.embed_tokens = None  # it reads vectors; an unused table would only be saved and synchronised
        self.project_out = nn.Linear(width, config.text_config.hidden_size)

    def forward(self, vectors: Tensor) -> Tensor:
        """[S, T, encoder_width] -> [S, T, text hidden_size].

        Spans are padded at the end, which causal layers never see.
        """
        hidden = self.layers(inputs_embeds=self.project_in(vectors), use_cache=False).last_hidden_state
        return self.project_out(hidden)
