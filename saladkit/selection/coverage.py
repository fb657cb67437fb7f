"""Measure how well speech covers each text of a pool, from embeddings alone: a first map of the domain gap."""

from dataclasses import dataclass

import numpy as np

from saladkit.selection.neighbours import Neighbours, nearest
from saladkit.selection.vectors import BYTES, Vectors

REFERENCES = 10_000  # texts of the pool, and as many spoken texts, whose densities are compared
DENSITY_NEIGHBOURS = 32  # least references around a text that are counted
SPOKEN_NEIGHBOURS = 4  # least spoken ones among them: with none, the ratio would be the same wherever speech is scarce
ROWS_AT_ONCE = 65_536
FAR_ROWS_AT_ONCE = 1024  # whose similarities to all references are in memory, 80 MB


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

    The nearest `DENSITY_NEIGHBOURS` are counted, or as many more as it takes to reach `SPOKEN_NEIGHBOURS` spoken ones:
    the farther speech is, the more texts of the pool are nearer. A ratio of distances would be raised to the power of
    D. Half a neighbour is added to both counts. No text counts as its own neighbour.

    Returns:
        float32 [N].
    """
    random = np.random.default_rng([seed, 6])
    of_pool = np.sort(random.choice(len(pool), min(len(pool), REFERENCES), replace=False))
    of_speech = np.sort(random.choice(len(speech), min(len(speech), REFERENCES), replace=False))
    pool_vectors, speech_vectors = pool.take(of_pool), speech.take(of_speech)
    references = Vectors([pool_vectors, speech_vectors])
    enough = min(SPOKEN_NEIGHBOURS, len(of_speech))
    k = min(DENSITY_NEIGHBOURS + 1, len(references))
    itself = np.full(len(pool), -1)
    itself[of_pool] = np.arange(len(of_pool))
    ratios = []
    for begin, asked in pool.chunks(ROWS_AT_ONCE * pool.width * BYTES):
        rows = nearest(Vectors([asked]), references, k, memory=memory, on_gpus=on_gpus).rows
        own = itself[begin : begin + len(asked)]
        is_other = rows != own[:, None]
        # One neighbour more is searched, so that a text that is a reference itself still has as many as any other.
        is_other &= np.cumsum(is_other, axis=1) < k
        from_pool = (is_other & (rows < len(of_pool))).sum(axis=1)
        from_speech = (is_other & (rows >= len(of_pool))).sum(axis=1)
        far = np.flatnonzero(from_speech < enough)
        from_speech[far] = enough
        from_pool[far] = _nearer_than_speech(asked[far], own[far], pool_vectors, speech_vectors, enough)
        ratios.append((from_pool + 0.5) / len(of_pool) / ((from_speech + 0.5) / len(of_speech)))
    return np.concatenate(ratios).astype(np.float32)


def _nearer_than_speech(
    asked: np.ndarray, own: np.ndarray, pool: np.ndarray, speech: np.ndarray, spoken: int
) -> np.ndarray:
    """Count the texts of the pool that are nearer to each vector than its `spoken`-th spoken text.

    Args:
        asked: float32 [n, D], of length 1.
        own: the row of each vector among those of the pool, int [n]; -1 if it is not among them.
        pool, speech: float32 [P, D] and [S, D], of length 1.
    """
    counts = np.empty(len(asked), dtype=np.int64)
    for begin in range(0, len(asked), FAR_ROWS_AT_ONCE):
        here = slice(begin, min(begin + FAR_ROWS_AT_ONCE, len(asked)))
        reached = -np.partition(-(asked[here] @ speech.T), spoken - 1, axis=1)[:, spoken - 1 : spoken]
        is_nearer = asked[here] @ pool.T > reached
        known = np.flatnonzero(own[here] >= 0)
        is_nearer[known, own[here][known]] = False
        counts[here] = is_nearer.sum(axis=1)
    return counts
