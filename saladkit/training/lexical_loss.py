"""A lexical warm-up (ours, not the paper's): the last speech vectors of a word name its tokens.

A vector names the token whose input embedding is nearest to it.

A front end with random weights encodes nothing of use at first, and the distillation loss alone says little about which
sound is which word. This auxiliary loss pulls the adapter's outputs towards the language model's input embeddings, so
that speech input lies where text input already lies.
"""

import torch
from torch import Tensor
from torch.nn import functional

SHARPNESS = 25.0  # nats for a cosine of 1; chosen in trials of one seed (docs/lab-notes.md)
NEARNESS = 5.0  # nats for a cosine of 0; vectors can be classified well although they lie far from the embeddings


def named_times(targets: list[Tensor], classes: int) -> Tensor:
    """Return how often each class is named in a step, int64 [classes]; targets as `lexical_loss`, of each batch."""
    named = torch.cat([of_batch.flatten() for of_batch in targets])
    return torch.bincount(named[named >= 0], minlength=classes)


def lexical_loss(vectors: Tensor, embeddings: Tensor, targets: Tensor, times: Tensor) -> Tensor:
    """Classify vectors by input embeddings of spoken tokens, and pull each to its own, by cosine; nats, a scalar.

    The weight of a vector is 1 / sqrt(how often its token is named in the step), and the weights of a step sum to 1.
    With plain means, function words outweigh the names that tell what a sentence is about; with means of each token's
    mean, the names outweigh the function words, which sound different next to every other word (docs/lab-notes.md).

    Args:
        vectors: the adapter's output, [S, T, H].
        embeddings: [C, H], of the tokens that speech can name (`spoken_tokens.py`), the classes; no gradient flows
            into them: speech moves towards text, not text towards speech.
        targets: int64 [S, T], classes; -1 where there is no target.
        times: int64 [C], as `named_times` of all batches of the step; the losses of the batches then add up to the
            step's.
    """
    has_target = targets >= 0
    tokens = targets[has_target]
    directions = functional.normalize(vectors[has_target].float(), dim=-1)
    cosines = directions @ functional.normalize(embeddings.detach().float(), dim=-1).T
    losses = functional.cross_entropy(SHARPNESS * cosines, tokens, reduction="none")
    losses = losses + NEARNESS * (1 - cosines.gather(-1, tokens[:, None])[:, 0])
    weights = times[tokens].to(losses.dtype).rsqrt()
    return (losses * weights).sum() / times.to(losses.dtype).sqrt().sum().clamp(min=1)
