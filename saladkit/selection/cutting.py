"""Cut a pool of embedded texts into regions, and measure how far its texts lie from spoken texts."""

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
    vectors: Vectors, speech_vectors: Vectors | None, priority: np.ndarray, settings: RegionsSettings, *, on_gpus: bool
) -> Cut:
    """Cluster the texts of a pool by their vectors, and measure how far they lie from spoken texts.

    Args:
        vectors: of the texts of the pool, [N, D], of length 1.
        speech_vectors: of the spoken texts, [M, D], of length 1; None without speech.
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
    if speech_vectors is None:
        return Cut(centroids, assignment, None, None)
    covered = coverage(
        vectors,
        speech_vectors,
        settings.neighbours,
        memory=int(settings.memory_gb * 1e9),
        seed=settings.seed,
        exact_up_to=settings.exact_up_to,
        on_gpus=on_gpus,
    )
    return Cut(centroids, assignment, covered, nearest_centroids(speech_vectors, centroids, spherical))
