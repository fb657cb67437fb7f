"""Measure how well speech covers each text of a pool, from embeddings alone: a first map of the domain gap."""

from dataclasses import dataclass

import numpy as np

from saladkit.selection.neighbours import Neighbours, nearest
from saladkit.selection.vectors import BYTES, Vectors

REFERENCES = 10_000  # texts of the pool, and as many spoken texts, whose densities are compared
DENSITY_NEIGHBOURS = 32
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Coverage:
    """How well speech covers each of the N texts of a pool."""

    nearest: Neighbours  # the nearest spoken texts
    density_ratio: np.ndarray  # density of the pool around each text, over that of speech, float32 [N]


def coverage(
    pool: Vectors,
    speech: Vectors,
    k: int,
    *,
    memory: int,
    seed: int,
    exact_up_to: int,
    on_gpus: bool = False,
) -> Coverage:
    """Find the k spoken texts that are nearest to each text of the pool, and compare densities.

    Args:
        pool, speech: [N, D] and [M, D], of length 1.
        k: spoken neighbours per text; M if it is larger.
        memory: bytes for pieces of vectors, as in `neighbours.nearest`.
    """
    k = min(k, len(speech))
    found = nearest(pool, speech, k, memory=memory, exact_up_to=exact_up_to, seed=seed, on_gpus=on_gpus)
    return Coverage(found, density_ratio(pool, speech, memory=memory, seed=seed, on_gpus=on_gpus))


def density_ratio(pool: Vectors, speech: Vectors, *, memory: int, seed: int, on_gpus: bool = False) -> np.ndarray:
    """Estimate p_pool / p_speech around each text of the pool, by counting both kinds among its nearest references.

    These are the odds of a nearest-neighbour classifier, which `DENSITY_NEIGHBOURS` bounds; a ratio of distances would
    be raised to the power of D. Half a neighbour is added to both counts. No text counts as its own neighbour.

    Returns:
        float32 [N].
    """
    random = np.random.default_rng([seed, 6])
    of_pool = np.sort(random.choice(len(pool), min(len(pool), REFERENCES), replace=False))
    of_speech = np.sort(random.choice(len(speech), min(len(speech), REFERENCES), replace=False))
    references = Vectors([pool.take(of_pool), speech.take(of_speech)])
    k = min(DENSITY_NEIGHBOURS + 1, len(references))
    itself = np.full(len(pool), -1)
    itself[of_pool] = np.arange(len(of_pool))
    ratios = []
    for begin, asked in pool.chunks(ROWS_AT_ONCE * pool.width * BYTES):
        rows = nearest(Vectors([asked]), references, k, memory=memory, on_gpus=on_gpus).rows
        is_other = rows != itself[begin : begin + len(asked), None]
        # One neighbour more is searched, so that a text that is a reference itself still has as many as any other.
        is_other &= np.cumsum(is_other, axis=1) < k
        from_pool = (is_other & (rows < len(of_pool))).sum(axis=1)
        from_speech = (is_other & (rows >= len(of_pool))).sum(axis=1)
        ratios.append((from_pool + 0.5) / len(of_pool) / ((from_speech + 0.5) / len(of_speech)))
    return np.concatenate(ratios).astype(np.float32)
