"""Compare k-means with scikit-learn's, balanced assignment with the optimum, and neighbours with FAISS in memory.

The vectors are embeddings of real paragraphs by all-MiniLM-L6-v2, and noisy copies of them.
"""

import argparse

import faiss
import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from saladkit.selection.balancing import balancing_prices, bounds, keep_bounds
from saladkit.selection.clustering import balanced_kmeans, distances, kmeans
from saladkit.selection.neighbours import MEMORY, nearest
from saladkit.selection.vectors import Vectors
from saladkit.settings.regions import RegionsSettings
from sentences import embedded
from side_by_side import Target, arguments, emit, median_seconds, run_pairs

SIZES = {"large": (100_000, 128, 10_000), "tiny": (600, 4, 120)}  # vectors, clusters, vectors of real paragraphs
ITERATIONS = 25
NEIGHBOURS = 10
GPU_CLUSTERS, GPU_ITERATIONS, GPU_QUERIES, GPU_VECTORS = 1000, 20, 10_000, 1_000_000


def main() -> None:
    """Print five lines; on a GPU two more, of a million vectors."""
    parser = arguments(__doc__, shape="large")
    options = parser.parse_args()
    count, clusters, real = SIZES[options.shape]
    vectors = embedded(count, real)
    stored = Vectors([vectors.astype(np.float16)])
    common = {"device": options.device, "shape": options.shape, "dtype": "float16"}
    whole_kmeans(vectors, stored, clusters, options, common)
    assignment(vectors[: min(count, 2000)], 16 if clusters > 16 else clusters, options, common)
    neighbours(vectors, stored, options, common)
    if options.device == "cuda":
        on_a_gpu(options, common)


def whole_kmeans(
    vectors: np.ndarray, stored: Vectors, clusters: int, options: argparse.Namespace, common: dict
) -> None:
    """Compare centroids and assignment of all vectors; only ours are balanced."""

    def ours() -> tuple[np.ndarray, np.ndarray]:
        settings = {"iterations": ITERATIONS, "seed": 0, "spherical": True, "balance": RegionsSettings.balance}
        return balanced_kmeans(stored, clusters, **settings)

    def theirs() -> KMeans:
        return KMeans(clusters, n_init=1, max_iter=ITERATIONS, tol=0, random_state=0).fit(vectors)

    sizes = np.bincount(ours()[1], minlength=clusters)
    plain = balanced_kmeans(stored, clusters, iterations=ITERATIONS, seed=0, spherical=False, balance=np.inf)
    theirs_fitted = theirs()
    found = run_pairs(ours, theirs, options.pairs, options.device)
    emit(
        f"regions, k-means: balanced, against scikit-learn, K = {clusters}",
        ours=found.ours,
        theirs=found.theirs,
        unit="s",
        ratio=found.speedup,
        target=Target("ratio", ">=", 3, holds=options.shape == "large"),
        pairs=found.pairs,
        vectors=len(vectors),
        iterations=ITERATIONS,
        largest_to_smallest=round(float(sizes.max() / sizes.min()), 3),
        # Plain k-means on both sides: ours learns each centroid from 256 vectors.
        squared_distances_to_theirs=round(float(_inertia(vectors, *plain) / theirs_fitted.inertia_), 4),
        **common,
    )
    every = run_pairs(
        lambda: kmeans(vectors, clusters, iterations=ITERATIONS, seed=0, spherical=True),
        theirs,
        options.pairs,
        options.device,
    )
    emit(
        f"regions, k-means: on all vectors by FAISS, against scikit-learn, K = {clusters}",
        ours=every.ours,
        theirs=every.theirs,
        unit="s",
        ratio=every.speedup,
        target=Target("ratio", ">=", 3, holds=options.shape == "large"),
        pairs=every.pairs,
        vectors=len(vectors),
        **common,
    )


def _inertia(vectors: np.ndarray, centroids: np.ndarray, assignment: np.ndarray) -> float:
    return float(((vectors - centroids[assignment]) ** 2).sum(dtype=np.float64))


def assignment(vectors: np.ndarray, clusters: int, options: argparse.Namespace, common: dict) -> None:
    """Compare prices and moves with scipy's optimum of equal sizes, by time and by the sum of costs."""
    centroids = kmeans(vectors, clusters, iterations=ITERATIONS, seed=0, spherical=True)
    costs = 1 + distances(vectors, centroids, True)
    allowed = bounds(len(vectors), clusters, RegionsSettings.balance)

    def ours() -> np.ndarray:
        priced = costs + balancing_prices(costs)
        return keep_bounds(priced.argmin(axis=1), clusters, allowed, priced.__getitem__)

    def theirs() -> np.ndarray:
        places = np.repeat(costs, -(-len(vectors) // clusters), axis=1)
        return linear_sum_assignment(places)[1] // -(-len(vectors) // clusters)

    rows = np.arange(len(vectors))
    cost = costs[rows, ours()].sum() / costs[rows, theirs()].sum()
    found = run_pairs(ours, theirs, options.pairs, options.device)
    emit(
        f"regions, balanced assignment: against the optimum of equal sizes, K = {clusters}",
        ours=found.ours,
        theirs=found.theirs,
        unit="s",
        ratio=found.speedup,
        target=None,
        pairs=found.pairs,
        vectors=len(vectors),
        cost_to_theirs=round(float(cost), 4),
        **common,
    )


def neighbours(vectors: np.ndarray, stored: Vectors, options: argparse.Namespace, common: dict) -> None:
    """Compare neighbours from float16 in pieces with FAISS' flat index, and on fewer queries with numpy."""
    asked = len(vectors) // 10
    queries = Vectors([stored.shards[0][:asked]])
    rounded = stored.rows(0, len(stored))

    def plain_faiss() -> np.ndarray:
        index = faiss.IndexFlatIP(rounded.shape[1])
        index.add(rounded)
        return index.search(rounded[:asked], NEIGHBOURS)[1]

    def brute_force() -> np.ndarray:
        similarity = rounded[: asked // 10] @ rounded.T
        some = np.argpartition(-similarity, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        order = np.argsort(-np.take_along_axis(similarity, some, axis=1), axis=1)
        return np.take_along_axis(some, order, axis=1)

    few = Vectors([stored.shards[0][: asked // 10]])
    sides = {
        "FAISS in memory": (lambda: nearest(queries, stored, NEIGHBOURS, memory=MEMORY // 10), plain_faiss),
        "numpy's brute force": (lambda: nearest(few, stored, NEIGHBOURS, memory=MEMORY // 10), brute_force),
    }
    for name, (ours, theirs) in sides.items():
        # Compare similarities, not rows: two texts at the same distance may come in either order.
        near = [_similarities(rounded, rows) for rows in (ours().rows, theirs())]
        apart = float(np.abs(near[0] - near[1]).max())
        found = run_pairs(ours, theirs, options.pairs, options.device)
        emit(
            f"regions, neighbours: against {name}",
            ours=found.ours,
            theirs=found.theirs,
            unit="s",
            ratio=found.speedup,
            target=Target("furthest", "<=", 1e-6),
            pairs=found.pairs,
            vectors=len(vectors),
            furthest=apart,
            **common,
        )


def _similarities(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the similarities of the first vectors to the rows that were found for each, float64 [n, k]."""
    return np.einsum("nd,nkd->nk", vectors[: len(rows)], vectors[rows], dtype=np.float64)


def on_a_gpu(options: argparse.Namespace, common: dict) -> None:
    """Measure the absolute figures: k-means and neighbours of a million random vectors."""
    vectors = np.random.default_rng(0).normal(size=(GPU_VECTORS, 384)).astype(np.float32)
    stored, queries = Vectors([vectors.astype(np.float16)]), Vectors([vectors[:GPU_QUERIES].astype(np.float16)])
    work = {
        f"k-means, K = {GPU_CLUSTERS}, {GPU_ITERATIONS} iterations": (
            lambda: kmeans(vectors, GPU_CLUSTERS, iterations=GPU_ITERATIONS, seed=0, spherical=True),
            1.0,
        ),
        f"neighbours of {GPU_QUERIES:,}": (lambda: nearest(queries, stored, NEIGHBOURS), 0.5),
    }
    for name, (ours, seconds) in work.items():
        emit(
            f"regions, a million vectors: {name}",
            ours=median_seconds(ours, options.pairs, options.device),
            theirs=None,
            unit="s",
            ratio=None,
            target=Target("ours", "<=", seconds),
            vectors=GPU_VECTORS,
            **common,
        )


if __name__ == "__main__":
    main()
