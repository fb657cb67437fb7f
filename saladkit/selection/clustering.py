"""Balanced k-means: FAISS finds the centroids, prices even out the sizes."""

import faiss
import numpy as np

BALANCE = 1.5  # largest / smallest cluster, at most


def balanced_kmeans(
    vectors: np.ndarray, clusters: int, *, iterations: int, seed: int, rounds: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Cut vectors into clusters of about the same size.

    Args:
        vectors: float32 [N, D], of length 1.
        rounds: how often prices and centroids are found in turn after the plain k-means.

    Returns:
        (centroids float32 [K, D], assignment int64 [N]).

    Raises:
        ValueError: fewer vectors than clusters.
    """
    if len(vectors) < clusters:
        raise ValueError(f"{len(vectors)} vectors cannot make {clusters} clusters")
    kmeans = faiss.Kmeans(
        vectors.shape[1],
        clusters,
        niter=iterations,
        seed=seed,
        spherical=True,
        gpu=False,
        min_points_per_centroid=1,
        max_points_per_centroid=10_000,
    )
    kmeans.train(vectors)
    centroids = kmeans.centroids.copy()
    for _ in range(rounds):
        assignment = balanced_assignment(1 - vectors @ centroids.T)
        sums = np.zeros_like(centroids)
        np.add.at(sums, assignment, vectors)
        centroids = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centroids, balanced_assignment(1 - vectors @ centroids.T)


def balanced_assignment(costs: np.ndarray, *, balance: float = BALANCE, max_steps: int = 2000) -> np.ndarray:
    """Assign rows to columns at the lowest cost plus a price per column, the prices raised where too many go.

    Args:
        costs: float32 [N, K].
        balance: stop as soon as the largest column has at most so many times the rows of the smallest.

    Returns:
        int64 [N]; the best balance seen, should `balance` not be reached in `max_steps`.
    """
    rows, columns = costs.shape
    prices = np.zeros(columns, dtype=costs.dtype)
    step = costs.std() / 2
    best, best_ratio = None, np.inf
    for number in range(max_steps):
        assignment = np.argmin(costs + prices, axis=1)
        counts = np.bincount(assignment, minlength=columns)
        ratio = counts.max() / max(counts.min(), 1e-9)
        if ratio < best_ratio:
            best, best_ratio = assignment, ratio
        if ratio <= balance:
            break
        prices += step / (1 + number / 20) * (counts * columns / rows - 1).clip(-1, 1).astype(costs.dtype)
    return best
