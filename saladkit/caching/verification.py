"""Verify a teacher cache: compute some of its texts again and measure how far the cache lies from the text LLM."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from saladkit.caching.running_teacher import RunningTeacher
from saladkit.formats.teacher_cache import SampledRow, TeacherCache
from saladkit.progress import progress
from saladkit.teacher.distributions import HiddenDistributions, TopKDistributions
from saladkit.teacher.losses import forward_kl
from saladkit.teacher.signals import CachedTeacher, LiveTeacher


def verify(folder: Path, teacher: RunningTeacher, token_ids: list[np.ndarray], count: int) -> dict:
    """Compare a complete cache with the text LLM.

    For a top k: KL(cached || computed), the loss of a student that equals the teacher; 0 but for rounding. For a
    sample: the cross entropy with the draws minus the teacher's entropy, whose mean is 0 but for the error of sampling;
    and the largest error of the stored log-probabilities of the labels.

    Args:
        folder: the cache.
        token_ids: the texts that the cache holds, int32 [n] each.
        count: how many texts to compute again, drawn by the teacher's seed.

    Returns:
        Texts, positions and divergences in nats.
    """
    drawn = np.random.default_rng([teacher.seed, 5]).choice(len(token_ids), min(count, len(token_ids)), replace=False)
    cache = TeacherCache(folder)
    cached, live = CachedTeacher(cache), LiveTeacher(teacher.model, cache.identity["temperature"])
    divergences, off = [], 0.0
    for place in progress(drawn, what="verify", unit="text"):
        tokens = token_ids[place]
        asked = [tokens], [np.arange(1, len(tokens) + 1)]
        stored = cached.distributions(*asked, torch.device("cpu"))
        computed = live.distributions(*asked, torch.device(teacher.device))
        log_probs = computed.piece(0, len(computed)).log_probs.cpu().double()
        if isinstance(stored, TopKDistributions):
            stored = TopKDistributions(stored.kept_ids, stored.kept_log_probs.double(), stored.log_tail.double())
            divergences.append(forward_kl(stored, log_probs))
            continue
        divergences.append(forward_kl(stored, log_probs) - torch.special.entr(log_probs.exp()).sum(dim=-1))
        row = cache.row(tokens)
        if isinstance(row, SampledRow):
            off = max(off, float(np.abs(_label_log_probs(computed, tokens) - row.label_log_probs).max(initial=0.0)))
    values = torch.cat(divergences)
    figures = {"texts": len(drawn), "positions": len(values), "kl_mean": values.mean().item()}
    if cache.sampled:
        return figures | {"kl_standard_error": (values.std() / len(values) ** 0.5).item(), "label_off": off}
    return figures | {"kl_max": values.max().item()}


def _label_log_probs(computed: HiddenDistributions, tokens: np.ndarray) -> np.ndarray:
    """Return the log-probability of each token but the first at temperature 1, float [n - 1]."""
    log_probs = replace(computed, temperature=1.0).piece(0, len(tokens) - 1).log_probs.cpu()
    return log_probs[np.arange(len(tokens) - 1), tokens[1:]].numpy()
