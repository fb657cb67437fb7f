"""From a frozen encoder's frames to the adapter's input, without trained parameters."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from saladkit.model.configuration import SaladConfig


class CodebookEncoder(nn.Module):
    """Sum the vectors of Mimi's codes over the codebooks, as the input of Mimi's own decoder (arXiv 2510.13632).

    The vectors are a buffer, so that they are saved with the model but not trained.
    """

    codebooks: Tensor

    def __init__(self, frozen_encoder: dict):
        """Make an encoder of the size that the identity of Mimi's front end states; its vectors are 0."""
        super().__init__()
        shape = (frozen_encoder[size] for size in ("codebooks", "codebook_size", "width"))
        self.register_buffer("codebooks", torch.zeros(*shape))

    def forward(self, codes: Tensor, memory: dict | None = None) -> Tensor:
        """Return vectors [S, T, width] of codes int64 [S, T, codebooks]; nothing of earlier codes is remembered."""
        count, size, _ = self.codebooks.shape
        places = codes + size * torch.arange(count, device=codes.device)
        return functional.embedding(places, self.codebooks.flatten(0, 1)).sum(2)


class FrameStack(nn.Module):
    """Stack consecutive frames of an encoder into one vector, to reduce its rate to that of the adapter."""

    def __init__(self, config: SaladConfig):
        super().__init__()
        self.stacked_frames = config.stacked_frames

    def forward(self, frames: Tensor, memory: dict | None = None) -> Tensor:
        """Return vectors [S, T / stacked_frames, stacked_frames * width] of frames [S, T, width].

        T is a multiple of `stacked_frames`. Nothing of earlier frames is remembered.
        """
        return frames.unflatten(1, (-1, self.stacked_frames)).flatten(2)
