"""A lexical warm-up (ours, not the paper's): each heard token's last vectors, pooled, name that token.

A front-end that starts from random hears nothing at first, and the distillation loss alone says little about which
sound is which word. This auxiliary loss classifies pooled adapter outputs against the language model's own input
embeddings, so what is heard lands where what is read already is.
"""

from torch import Tensor
from torch.nn import functional

SHARPNESS = 50.0  # nats for a cosine of 1; with 20 the loss asks for nearly parallel vectors and falls more slowly
LAST_VECTORS = 2  # a causal front-end knows a word when it has heard it; all of its vectors learn more slowly


def pooled_vectors(vectors: Tensor, span: Tensor, begin: Tensor, end: Tensor) -> Tensor:
    """Mean of the last LAST_VECTORS of vectors[span, begin:end]: [S, T, H] and int64 [N] each -> [N, H]."""
    begin = begin.maximum(end - LAST_VECTORS)
    sums = functional.pad(vectors.cumsum(dim=1), (0, 0, 1, 0))
    return (sums[span, end] - sums[span, begin]) / (end - begin)[:, None].to(vectors.dtype)


def lexical_loss(
    vectors: Tensor, embeddings: Tensor, *, span: Tensor, begin: Tensor, end: Tensor, token: Tensor
) -> Tensor:
    """Cross-entropy of the pooled vectors' cosines with all input embeddings [V, H], in nats per token, float [N].

    The table is a fixed target here (no gradient flows into it): speech moves towards text, not text towards speech.
    """
    pooled = functional.normalize(pooled_vectors(vectors, span, begin, end).float(), dim=-1)
    table = functional.normalize(embeddings.detach().float(), dim=-1)
    return functional.cross_entropy(SHARPNESS * pooled @ table.T, token, reduction="none")

