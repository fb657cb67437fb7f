"""What a model keeps of a frozen speech encoder: nothing but the vectors of Mimi's codes, none of which is trained."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from saladkit.model.configuration import SaladConfig


class CodebookEncoder(nn.Module):
    """Mimi's codes -> the sum of their vectors: what Mimi's own decoder is given (arXiv 2510.13632).

    The vectors are a buffer: they are saved with the model, and no optimizer finds them.
    """

    def __init__(self, config: SaladConfig):
        super().__init__()
        shape = (config.frozen_encoder[size] for size in ("codebooks", "codebook_size", "width"))
        self.register_buffer("codebooks", torch.zeros(*shape))

    def forward(self, codes: Tensor) -> Tensor:
        """int64 [S, T, codebooks] -> [S, T, width]."""
        count, size, _ = self.codebooks.shape
        places = codes + size * torch.arange(count, device=codes.device)
        return functional.embedding(places, self.codebooks.flatten(0, 1)).sum(2)


class FrameStack(nn.Module):
    """Consecutive frames of an encoder that is faster than the adapter, side by side in one vector."""

    def __init__(self, config: SaladConfig):
        super().__init__()
        self.stacked_frames = config.stacked_frames

    def forward(self, frames: Tensor) -> Tensor:
        """[S, T, width], T a multiple of `stacked_frames` -> [S, T / stacked_frames, stacked_frames * width]."""
        return frames.unflatten(1, (-1, self.stacked_frames)).flatten(2)
