"""Predict the misalignment of unspoken texts from that of their nearest probes (spoken, measured texts)."""

from dataclasses import dataclass

import numpy as np

from saladkit.selection.neighbours import nearest
from saladkit.selection.vectors import Vectors

NEIGHBOURS = 16
PRIOR = 1.0  # weight of the mean over all probes, in probes of mean length at distance 0


@dataclass(frozen=True)
class Prediction:
    """The predicted misalignment of N texts."""

    mean: np.ndarray  # float64 [N]
    uncertainty: np.ndarray  # standard deviation of the mean, [N]: larger where probes are fewer or farther away
    leave_one_out_r2: float  # R^2 of the probes' own figures, each predicted from the other probes


def predict(texts: Vectors, probes: np.ndarray, figures: np.ndarray, tokens: np.ndarray) -> Prediction:
    """Average the figures of the nearest probes, shrunk toward the mean of all probes where the nearest are far away.

    The weight of a probe is its tokens times exp(-distance / bandwidth); the bandwidth is the median, over probes, of
    the distance to the last of their `NEIGHBOURS`.

    Args:
        texts: [N, D], of length 1.
        probes: vectors of the P measured texts, float32 [P, D].
        figures: measured misalignment of each probe, [P].
        tokens: compared tokens of each probe, [P].

    Raises:
        ValueError: fewer than three probes.
    """
    if len(probes) < 3:
        raise ValueError(f"{len(probes)} measured texts")
    corpus = Vectors([probes])
    k = min(NEIGHBOURS, len(probes) - 1)
    among = nearest(corpus, corpus, k + 1)
    others = _without(among.rows, np.arange(len(probes)))
    distances = 1 - np.einsum("pd,pkd->pk", probes, probes[others]).clip(-1, 1)
    bandwidth = max(float(np.median(distances.max(axis=1))), 1e-6)
    weights = tokens / tokens.mean()
    overall = float((weights * figures).sum() / weights.sum())

    def means(rows: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shares = weights[rows] * np.exp(-distances.astype(np.float64) / bandwidth)
        total = shares.sum(axis=1) + PRIOR
        return ((shares * figures[rows]).sum(axis=1) + PRIOR * overall) / total, total

    left_out, _ = means(others, distances)
    residual = figures - left_out
    spread = float(np.sqrt((weights * residual**2).sum() / weights.sum()))
    variance = float((weights * (figures - overall) ** 2).sum() / weights.sum())
    found = nearest(texts, corpus, k)
    mean, total = means(found.rows, found.distances)
    r2 = 1 - spread**2 / variance if variance > 0 else 0.0
    return Prediction(mean, spread / np.sqrt(total), r2)


def _without(rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Remove each row from its own neighbours, [P, k + 1] to [P, k]; if it is not among them, remove the last one."""
    is_own = rows == own[:, None]
    is_own[~is_own.any(axis=1), -1] = True
    return rows[~is_own].reshape(len(rows), -1)
