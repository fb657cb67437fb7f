"""Draw tokens from a teacher's distributions, as an unbiased sample of the whole vocabulary.

Random-sampling distillation (Anshumann et al. 2025, "Sparse Logit Sampling", arXiv 2503.16870): the cross entropy with
the drawn tokens equals, in expectation, the cross entropy with the whole distribution. A top k is biased: the tokens
outside it are lost.
"""

import torch
from torch import Tensor


def draw_from_masses(masses: Tensor, draws: int, uniforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Draw systematic samples: evenly spaced points on the cumulative distribution, shifted by one random number.

    A token of probability p is drawn floor(draws * p) or ceil(draws * p) times, and draws * p times in expectation:
    unbiased like independent draws, with less variance.

    Args:
        masses: unnormalised probabilities, float32 or float64 [P, V]; overwritten.
        draws: number of draws per position, at most 255.
        uniforms: float [P], a random number in [0, 1) for each position.

    Returns:
        `distinct` uint8 [P], the number of different tokens drawn at each position; `kept_ids` int32 [K] and `counts`
        uint8 [K], the drawn tokens and how often each was drawn, position after position, ids ascending.
    """
    cumulative = masses.cumsum_(dim=-1)
    total = cumulative[:, -1:].contiguous()
    points = (torch.arange(draws, device=masses.device) + uniforms.to(total)[:, None]) / draws * total
    ids = torch.searchsorted(cumulative, points, right=True)
    ids = ids.minimum(torch.searchsorted(cumulative, total))  # for points that rounding moved to the total mass
    first = torch.ones_like(ids, dtype=torch.bool)  # ids ascend, so equal ids are neighbours
    first[:, 1:] = ids[:, 1:] != ids[:, :-1]
    begins = torch.nonzero(first.flatten())[:, 0]
    counts = torch.diff(begins, append=begins.new_tensor([ids.numel()]))
    return first.sum(dim=-1).to(torch.uint8), ids.flatten()[begins].to(torch.int32), counts.to(torch.uint8)
