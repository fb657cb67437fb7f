"""A lexical warm-up (ours, not the paper's): the last speech vector of each heard token names that token.

A front-end that starts from random hears nothing at first, and the distillation loss alone says little about which
sound is which word. This auxiliary loss draws the adapter's outputs to the language model's own input embeddings, so
what is heard lands where what is read already is.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

SHARPNESS = 25.0  # nats for a cosine of 1; chosen in trials of one seed (docs/lab-notes.md)
NEARNESS = 5.0  # nats for a cosine of 0; classes alone may be told apart far from the embeddings


def lexical_loss(
    vectors: Tensor, embeddings: Tensor, names: Tensor, total: Callable[[Tensor], Tensor] = lambda value: value
) -> Tensor:
    """Classify vectors against all input embeddings, and draw each near its own, by cosine; nats, a scalar.

    A vector counts by 1 / sqrt(how often its token is named in the batch), and the weights sum to 1. Plain means let
    function words drown the entities that tell what a sentence is about; means of each token's mean let the entities
    drown the function words, which sound different in every neighbourhood (docs/lab-notes.md).

    Args:
        vectors: the adapter's output, [S, T, H].
        embeddings: a fixed target (no gradient flows into it), [V, H]: speech moves towards text, not text to speech.
        names: int64 [S, T], token ids; -1 where there is no target.
        total: sums a tensor over all processes that share the batch; the losses of these then add up to the whole.
    """
    heard = names >= 0
    tokens = names[heard]
    directions = functional.normalize(vectors[heard].float(), dim=-1)
    cosines = directions @ functional.normalize(embeddings.detach().float(), dim=-1).T
    losses = functional.cross_entropy(SHARPNESS * cosines, tokens, reduction="none")
    losses = losses + NEARNESS * (1 - cosines.gather(-1, tokens[:, None])[:, 0])
    times = total(torch.bincount(tokens, minlength=len(embeddings)))
    weights = times[tokens].to(losses.dtype).rsqrt()
    return (losses * weights).sum() / total(weights.sum()).clamp(min=1)
