"""Find nearest neighbours with FAISS, in pieces that fit into memory; approximately if the corpus is very large."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import faiss
import numpy as np

from saladkit.selection.vectors import BYTES, Vectors
from saladkit.settings.regions import RegionsSettings

MEMORY = int(RegionsSettings.memory_gb * 1e9)  # bytes
RECALL = 0.95  # share of queries whose first neighbour an approximate search has to find
RECALL_QUERIES = 1000  # on which the recall of an approximate search is measured

Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Neighbours:
    """The k nearest rows of each query, nearest first."""

    distances: np.ndarray  # cosine distances float32 [N, k], in [0, 2]
    rows: np.ndarray  # int64 [N, k]; -1 (at distance 2) if an approximate search has found fewer than k
    recall: float | None = None  # measured share of right first neighbours; None if the search was exact


def flat_index(width: int, *, inner_product: bool = True, on_gpus: bool = False) -> faiss.Index:
    """Return an exact index; on GPUs, rows are in float16 and split among all GPUs."""
    index = faiss.IndexFlatIP(width) if inner_product else faiss.IndexFlatL2(width)
    if not on_gpus:
        return index
    options = faiss.GpuMultipleClonerOptions()
    options.useFloat16, options.shard = True, True
    return faiss.index_cpu_to_all_gpus(index, co=options)


def nearest(
    queries: Vectors,
    corpus: Vectors,
    k: int,
    *,
    memory: int = MEMORY,
    exact_up_to: int = RegionsSettings.exact_up_to,
    seed: int = 0,
    on_gpus: bool = False,
) -> Neighbours:
    """Find the k rows of the corpus at the least cosine distance from each query.

    Args:
        queries, corpus: [N, D] and [M, D], of length 1; k <= M.
        memory: bytes for pieces of both, including the copies made while reading.
        exact_up_to: the search is exact in a corpus of at most this many rows; an approximate index of fewer costs
            more than it saves.
    """
    exact_search = partial(_exact, on_gpus=on_gpus)
    if len(corpus) <= exact_up_to:
        return _search(queries, corpus, k, memory, exact_search)
    found = _search(queries, corpus, k, memory, lambda piece: _approximate(piece, seed))
    random = np.random.default_rng([seed, 7])
    asked = np.sort(random.choice(len(queries), min(len(queries), RECALL_QUERIES), replace=False))
    exact = _search(Vectors([queries.take(asked)]), corpus, 1, memory, exact_search)
    return Neighbours(found.distances, found.rows, float((exact.rows[:, 0] == found.rows[asked, 0]).mean()))


def _search(
    queries: Vectors, corpus: Vectors, k: int, memory: int, index: Callable[[np.ndarray], Search]
) -> Neighbours:
    best = np.full((len(queries), k), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    for offset, piece in corpus.chunks(memory // 4):  # reading a piece takes two to three times its size
        search = index(piece)
        for begin, asked in queries.chunks(min(memory // 16, BYTES * queries.width * 65_536)):
            similarity, found = search(asked, min(k, len(piece)))
            here = slice(begin, begin + len(asked))
            both = np.concatenate([best[here], similarity], axis=1)
            numbers = np.concatenate([rows[here], np.where(found >= 0, found + offset, -1)], axis=1)
            order = np.lexsort((numbers, -both), axis=1)[:, :k]  # of equal rows, the first
            best[here] = np.take_along_axis(both, order, axis=1)
            rows[here] = np.take_along_axis(numbers, order, axis=1)
    return Neighbours(np.clip(1 - best, 0, 2), rows)


def _exact(piece: np.ndarray, on_gpus: bool) -> Search:
    if not on_gpus:
        return lambda asked, k: faiss.knn(asked, piece, k, metric=faiss.METRIC_INNER_PRODUCT)
    index = flat_index(piece.shape[1], on_gpus=True)
    index.add(piece)
    return index.search


def _approximate(piece: np.ndarray, seed: int) -> Search:
    """Index a piece in inverted lists in float16, and probe as many lists as `RECALL` needs on a sample of its rows."""
    rows, width = piece.shape
    lists = max(1, int(4 * rows**0.5))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(width), width, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed, index.cp.min_points_per_centroid = seed, 1
    random = np.random.default_rng([seed, 8])
    index.train(piece[np.sort(random.choice(rows, min(rows, lists * 64), replace=False))])
    index.add(piece)
    asked = piece[random.choice(rows, min(rows, 256), replace=False)]
    # The first neighbour is the row itself, so the second one is compared.
    second = faiss.knn(asked, piece, 2, metric=faiss.METRIC_INNER_PRODUCT)[1][:, -1]
    index.nprobe = max(1, lists // 128)
    while index.nprobe < lists and (index.search(asked, 2)[1][:, -1] == second).mean() < RECALL:
        index.nprobe = min(lists, index.nprobe * 2)
    return index.search
