"""A head that names the phonemes in the speech encoder's vectors: the encoder's own task in the lexical steps."""

from torch import Tensor, nn

from saladkit.model.configuration import SaladConfig
from saladkit.rows.spoken_phonemes import PER_VECTOR


class PhonemeHead(nn.Module):
    """A norm and a linear layer. Nothing else reads its output."""

    def __init__(self, config: SaladConfig):
        super().__init__()
        self.count = len(config.phonemes or [])
        self.norm = nn.LayerNorm(config.vector_width)
        self.classify = nn.Linear(config.vector_width, PER_VECTOR * self.count)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return logits [S, T, PER_VECTOR, phonemes] of the encoder's vectors [S, T, vector_width]."""
        return self.classify(self.norm(vectors)).unflatten(-1, (PER_VECTOR, self.count))
