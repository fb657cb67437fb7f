"""Exact nearest neighbours by FAISS: how far each text of the pool lies from all that is spoken."""

import faiss
import numpy as np


def nearest(queries: np.ndarray, corpus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each query its nearest corpus vector.

    Args:
        queries, corpus: float32 [N, D] and [M, D], of length 1.

    Returns:
        (cosine distance float32 [N], in [0, 2]; index int64 [N]).
    """
    index = faiss.IndexFlatIP(corpus.shape[1])
    index.add(corpus)
    similarity, found = index.search(queries, 1)
    return 1 - similarity[:, 0], found[:, 0]
