"""Balanced k-means: FAISS finds the centroids, and prices on full clusters even out the sizes."""

from collections.abc import Callable
from functools import partial

import faiss
import numpy as np

from saladkit.selection.balancing import balancing_prices, bounds, keep_bounds
from saladkit.selection.embedders.embedder import unit
from saladkit.selection.neighbours import flat_index
from saladkit.selection.vectors import Vectors

POINTS_PER_CENTROID = 256  # drawn to learn the centroids from: FAISS's default
ROWS_AT_ONCE = 8192  # fixed, so that the result does not depend on the memory
ROUNDS = 3  # of new prices and then new centroids, after plain k-means


def balanced_kmeans(
    vectors: Vectors,
    clusters: int,
    *,
    iterations: int,
    seed: int,
    spherical: bool,
    balance: float,
    priority: np.ndarray | None = None,
    on_gpus: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster vectors into clusters of about the same size.

    Args:
        vectors: [N, D], of length 1.
        spherical: use centroids of length 1 and cosine distances; else means and squared distances.
        balance: greatest ratio of the largest to the smallest cluster, as far as whole numbers allow; infinite for
            plain k-means.
        priority: one number per row, [N]. Centroids are learned from the rows with the lowest numbers, and so do not
            depend on the order of the rows. None: rows are drawn by the seed.

    Returns:
        (centroids float32 [K, D], assignment int64 [N]).

    Raises:
        ValueError: there are fewer vectors than clusters.
    """
    if len(vectors) < clusters:
        raise ValueError(f"{len(vectors)} vectors cannot make {clusters} clusters")
    if priority is None:
        priority = np.random.default_rng([seed, 5]).random(len(vectors))
    drawn = min(len(vectors), clusters * POINTS_PER_CENTROID)
    sample = vectors.take(np.argsort(priority, kind="stable")[:drawn])
    centroids = kmeans(sample, clusters, iterations=iterations, seed=seed, spherical=spherical, on_gpus=on_gpus)
    prices = None
    if not np.isinf(balance):
        allowed = bounds(drawn, clusters, balance)
        for _ in range(ROUNDS):
            costs = distances(sample, centroids, spherical)
            prices = balancing_prices(costs, prices)
            costs += prices
            assignment = keep_bounds(costs.argmin(axis=1), clusters, allowed, costs.__getitem__)
            centroids = _means(sample, assignment, clusters, spherical)
        prices = balancing_prices(distances(sample, centroids, spherical), prices)
    priced = partial(_priced, vectors, centroids, prices, spherical)
    assignment = _cheapest(len(vectors), priced)
    return centroids, keep_bounds(assignment, clusters, bounds(len(vectors), clusters, balance), priced)


def nearest_centroids(vectors: Vectors, centroids: np.ndarray, spherical: bool) -> np.ndarray:
    """Return the nearest centroid of each vector, int64 [N]; the sizes of clusters do not count."""
    return _cheapest(len(vectors), partial(_priced, vectors, centroids, None, spherical))


def _cheapest(rows: int, priced: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    starts = range(0, rows, ROWS_AT_ONCE)
    return np.concatenate([priced(np.arange(s, min(s + ROWS_AT_ONCE, rows))).argmin(axis=1) for s in starts])


def kmeans(
    points: np.ndarray, clusters: int, *, iterations: int, seed: int, spherical: bool, on_gpus: bool = False
) -> np.ndarray:
    """Return the centroids float32 [K, D] that FAISS finds for points float32 [N, D]."""
    settings = faiss.ClusteringParameters()
    settings.niter, settings.seed, settings.spherical = iterations, seed, spherical
    settings.min_points_per_centroid, settings.max_points_per_centroid = 1, len(points)
    clustering = faiss.Clustering(points.shape[1], clusters, settings)
    clustering.train(points, flat_index(points.shape[1], inner_product=spherical, on_gpus=on_gpus))
    return faiss.vector_to_array(clustering.centroids).reshape(clusters, -1).copy()


def distances(vectors: np.ndarray, centroids: np.ndarray, spherical: bool) -> np.ndarray:
    """Return the costs of each vector in each cluster, up to a constant per vector, float32 [N, K].

    Cosine distances if `spherical`, else half of the squared distances.
    """
    costs = vectors @ -centroids.T
    return costs if spherical else costs + (centroids**2).sum(axis=1) / 2


def _priced(
    vectors: Vectors, centroids: np.ndarray, prices: np.ndarray | None, spherical: bool, rows: np.ndarray
) -> np.ndarray:
    costs = distances(vectors.take(rows), centroids, spherical)
    return costs if prices is None else costs + prices


def _means(vectors: np.ndarray, assignment: np.ndarray, clusters: int, spherical: bool) -> np.ndarray:
    """Return the mean of each cluster, float32 [K, D]; every cluster must have rows."""
    counts = np.bincount(assignment, minlength=clusters)
    sums = np.add.reduceat(vectors[np.argsort(assignment, kind="stable")], np.cumsum(counts) - counts)
    means = sums / counts[:, None]
    return unit(means) if spherical else means.astype(np.float32)
