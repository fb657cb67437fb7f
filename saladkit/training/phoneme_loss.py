"""A phoneme loss for the lexical steps (ours, not the paper's): a speech vector names the phonemes in its halves.

Rare words share their phonemes with frequent ones, so an encoder with random weights learns sounds from all speech, and
the adapter is left to read words from them.
"""

from torch import Tensor
from torch.nn import functional


def phoneme_loss(logits: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
    """Return the batch's share of a step's mean cross-entropy over its named phonemes; nats, a scalar.

    Args:
        logits: float [S, T, phonemes of a vector, phonemes].
        targets: int64 [S, T, phonemes of a vector], classes; -1 where there is no target.
        counted: number of targets of the whole step, so that the losses of its batches add up to the step's.
    """
    losses = functional.cross_entropy(logits.float().flatten(0, 2), targets.flatten(), ignore_index=-1, reduction="sum")
    return losses / counted.clamp(min=1)
