"""A lexical warm-up (ours, not the paper's): the last speech vectors of a word name its tokens.

A vector names the token whose input embedding is nearest to it.

A front end with random weights encodes nothing of use at first, and the distillation loss alone says little about which
sound is which word. This auxiliary loss pulls the adapter's outputs towards the language model's input embeddings, so
that speech input lies where text input already lies.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

SHARPNESS = 25.0  # nats for a cosine of 1; chosen in trials of one seed (docs/lab-notes.md)
NEARNESS = 5.0  # nats for a cosine of 0; vectors can be classified well although they lie far from the embeddings


def lexical_loss(
    vectors: Tensor, embeddings: Tensor, targets: Tensor, total: Callable[[Tensor], Tensor] = lambda value: value
) -> Tensor:
    """Classify vectors against all input embeddings, and pull each towards its own, by cosine; nats, a scalar.

    The weight of a vector is 1 / sqrt(how often its token is named in the batch), and the weights sum to 1. With plain
    means, function words outweigh the names that tell what a sentence is about; with means of each token's mean, the
    names outweigh the function words, which sound different next to every other word (docs/lab-notes.md).

    Args:
        vectors: the adapter's output, [S, T, H].
        embeddings: [V, H]; no gradient flows into them: speech moves towards text, not text towards speech.
        targets: int64 [S, T], token ids; -1 where there is no target.
        total: sums a tensor over all processes that share the batch; their losses then add up to the whole.
    """
    has_target = targets >= 0
    tokens = targets[has_target]
    directions = functional.normalize(vectors[has_target].float(), dim=-1)
    cosines = directions @ functional.normalize(embeddings.detach().float(), dim=-1).T
    losses = functional.cross_entropy(SHARPNESS * cosines, tokens, reduction="none")
    losses = losses + NEARNESS * (1 - cosines.gather(-1, tokens[:, None])[:, 0])
    times = total(torch.bincount(tokens, minlength=len(embeddings)))
    weights = times[tokens].to(losses.dtype).rsqrt()
    return (losses * weights).sum() / total(weights.sum()).clamp(min=1)
