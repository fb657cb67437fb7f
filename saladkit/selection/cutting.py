"""Cut an embedded pool into regions, and measure how far its texts lie from speech."""

from dataclasses import dataclass

import numpy as np

from saladkit.selection.clustering import balanced_kmeans, nearest_centroids
from saladkit.selection.coverage import Coverage, coverage
from saladkit.selection.vectors import Vectors
from saladkit.settings.regions import RegionsSettings


@dataclass(frozen=True)
class Cut:
    """K regions of N texts, and M spoken texts.

    Attributes:
        centroids: float32 [K, D].
        assignment: the region of each text, int64 [N].
        covered: how well speech covers each text; None without speech.
        speech_region: the region whose centroid is the nearest of each spoken text, int64 [M]; None without speech.
    """

    centroids: np.ndarray
    assignment: np.ndarray
    covered: Coverage | None
    speech_region: np.ndarray | None


def cut(
    vectors: Vectors, heard: Vectors | None, priority: np.ndarray, settings: RegionsSettings, *, on_gpus: bool
) -> Cut:
    """Cluster the vectors of a pool and compare them with those of speech.

    Args:
        vectors, heard: of the pool, [N, D], and of the spoken texts, [M, D], of length 1.
        priority: a number for each text, [N]: centroids are learned from the texts with the lowest.
    """
    spherical = settings.kmeans == "spherical"
    centroids, assignment = balanced_kmeans(
        vectors,
        settings.clusters,
        iterations=settings.iterations,
        seed=settings.seed,
        spherical=spherical,
        balance=np.inf if settings.plain else settings.balance,
        priority=priority,
        on_gpus=on_gpus,
    )
    if heard is None:
        return Cut(centroids, assignment, None, None)
    covered = coverage(
        vectors,
        heard,
        settings.neighbours,
        memory=int(settings.memory_gb * 1e9),
        seed=settings.seed,
        exact_up_to=settings.exact_up_to,
        on_gpus=on_gpus,
    )
    return Cut(centroids, assignment, covered, nearest_centroids(heard, centroids, spherical))
