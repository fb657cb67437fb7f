"""A lexical warm-up (ours, not the paper's): the last speech vectors of each heard token name that token.

A front-end that starts from random hears nothing at first, and the distillation loss alone says little about which
sound is which word. This auxiliary loss draws the adapter's outputs to the language model's own input embeddings, so
what is heard lands where what is read already is.
"""

from torch import Tensor
from torch.nn import functional

SHARPNESS = 50.0  # nats for a cosine of 1; chosen in trials without a control (docs/lab-notes.md)
NEARNESS = 10.0  # nats for a cosine of 0; classes alone may be told apart far from the embeddings


def lexical_loss(vectors: Tensor, embeddings: Tensor, names: Tensor) -> Tensor:
    """Classify vectors against all input embeddings, and draw each near its own, by cosine; nats, a scalar.

    Mean over the distinct tokens of the batch of each token's mean: entities are heard seldom and function words all
    the time, and it is the entities that tell what a sentence is about.

    Args:
        vectors: the adapter's output, [S, T, H].
        embeddings: a fixed target (no gradient flows into it), [V, H]: speech moves towards text, not text to speech.
        names: int64 [S, T], token ids; -1 where there is no target.
    """
    heard = names >= 0
    tokens = names[heard]
    directions = functional.normalize(vectors[heard].float(), dim=-1)
    cosines = directions @ functional.normalize(embeddings.detach().float(), dim=-1).T
    losses = functional.cross_entropy(SHARPNESS * cosines, tokens, reduction="none")
    losses = losses + NEARNESS * (1 - cosines.gather(-1, tokens[:, None])[:, 0])
    distinct, kind, times = tokens.unique(return_inverse=True, return_counts=True)
    return (losses / times[kind]).sum() / max(1, len(distinct))
