"""Draw from a teacher's distributions, so that a few tokens stand for all of them without bias.

Random-sampling distillation (Anshumann et al. 2025, "Sparse Logit Sampling", arXiv 2503.16870): the mean over draws of
a cross entropy with the drawn tokens is the cross entropy with all. A top k has no such mean: what it leaves out is
lost.
"""

import torch
from torch import Tensor


def draw_from_masses(masses: Tensor, draws: int, uniforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Systematic samples: `draws` evenly spaced points on the cumulative distribution, shifted by one random number.

    A token of probability p is drawn floor(draws * p) or ceil(draws * p) times, draws * p in the mean: as unbiased as
    independent draws, with less noise.

    Args:
        masses: float32 or float64 [P, V], probabilities times a number of each position's own; used up.
        draws: at most 255.
        uniforms: float [P], each position's random number in [0, 1).

    Returns:
        `distinct` uint8 [P], how many different tokens each position drew; `kept_ids` int32 [K] and `counts` uint8
        [K], position after position, ids ascending.
    """
    cumulative = masses.cumsum_(dim=-1)
    total = cumulative[:, -1:].contiguous()
    points = (torch.arange(draws, device=masses.device) + uniforms.to(total)[:, None]) / draws * total
    ids = torch.searchsorted(cumulative, points, right=True)
    ids = ids.minimum(torch.searchsorted(cumulative, total))  # a point that was rounded up to all the mass
    first = torch.ones_like(ids, dtype=torch.bool)  # ids ascend, so equal ones are neighbours
    first[:, 1:] = ids[:, 1:] != ids[:, :-1]
    begins = torch.nonzero(first.flatten())[:, 0]
    counts = torch.diff(begins, append=begins.new_tensor([ids.numel()]))
    return first.sum(dim=-1).to(torch.uint8), ids.flatten()[begins].to(torch.int32), counts.to(torch.uint8)
