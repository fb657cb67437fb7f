"""How well speech covers each text of a pool: a map of the domain gap before any model is asked."""

from dataclasses import dataclass

import numpy as np

from saladkit.selection.neighbours import Neighbours, nearest
from saladkit.selection.vectors import BYTES, Vectors

REFERENCES = 10_000  # texts of the pool and as many spoken ones, among which densities are compared
DENSITY_NEIGHBOURS = 32
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Coverage:
    """Of each text of the pool."""

    nearest: Neighbours  # spoken texts
    density_ratio: np.ndarray  # float32 [N]: how much denser the pool is around a text than speech is


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
    """Search the spoken texts for the k nearest of each text of the pool, and compare densities.

    Args:
        pool, speech: [N, D] and [M, D], of length 1.
        k: spoken neighbours, at most M.
    """
    where = {"memory": memory, "seed": seed, "on_gpus": on_gpus}
    found = nearest(pool, speech, min(k, len(speech)), exact_up_to=exact_up_to, **where)
    return Coverage(found, density_ratio(pool, speech, **where))


def density_ratio(pool: Vectors, speech: Vectors, *, memory: int, seed: int, on_gpus: bool = False) -> np.ndarray:
    """p_pool / p_speech around each text of the pool: among its nearest references, the share of each side.

    A nearest-neighbour classifier's odds, so that the ratio lies between bounds that depend on `DENSITY_NEIGHBOURS`,
    where a ratio of distances would be raised to the power of D. Half a neighbour is added to both sides. A text is no
    neighbour of itself.

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
        # One more was searched for, so that as many are counted of a text that is no reference as of one that is.
        is_other &= np.cumsum(is_other, axis=1) < k
        from_pool = (is_other & (rows < len(of_pool))).sum(axis=1)
        from_speech = (is_other & (rows >= len(of_pool))).sum(axis=1)
        ratios.append((from_pool + 0.5) / len(of_pool) / ((from_speech + 0.5) / len(of_speech)))
    return np.concatenate(ratios).astype(np.float32)
