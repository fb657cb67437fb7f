"""Describe each region in one row: its size, its topic, and how well speech covers it."""

import numpy as np
import pyarrow as pa

from saladkit.formats.regions import QUANTILES
from saladkit.formats.samples import take_rows
from saladkit.selection.coverage import Coverage
from saladkit.selection.keywords import keywords
from saladkit.selection.vectors import Vectors

SAMPLES = 3  # shown per region: the texts nearest to its centroid
TEXTS_FOR_KEYWORDS = 2000  # of a region, drawn at random: they are enough to find its distinctive words
ROWS_AT_ONCE = 65_536


def region_rows(
    texts: pa.Table,
    vectors: Vectors,
    centroids: np.ndarray,
    assignment: np.ndarray,
    covered: Coverage | None,
    speech_region: np.ndarray | None,
    *,
    seed: int,
) -> list[dict]:
    """Return the rows of `formats.regions.REGIONS`.

    Args:
        texts: the N texts of the pool, in a column `text`.
        vectors: their embeddings, [N, D].
        centroids: of the regions, [K, D].
        assignment: region of each text, int [N].
        speech_region: region of the nearest centroid of each spoken text, int [M]; None without speech.
    """
    random = np.random.default_rng([seed, 9])
    closeness = _closeness(vectors, centroids, assignment)
    members = [np.flatnonzero(assignment == region) for region in range(len(centroids))]
    drawn = [np.sort(random.permutation(rows)[:TEXTS_FOR_KEYWORDS]) for rows in members]
    words = keywords([take_rows(texts, rows).column("text").to_pylist() for rows in drawn])
    found = []
    for region, rows in enumerate(members):
        central = rows[np.argsort(-closeness[rows], kind="stable")[:SAMPLES]]
        row = {
            "region": region,
            "texts": len(rows),
            "pool_share": len(rows) / len(assignment),
            "speech_share": None if speech_region is None else float((speech_region == region).mean()),
            "keywords": words[region],
            "samples": take_rows(texts, central).column("text").to_pylist(),
        }
        if covered is not None and len(rows):  # plain k-means may leave a region empty
            distances = np.quantile(covered.nearest.distances[rows, 0].astype(np.float64), QUANTILES)
            row |= {f"distance_to_speech_{round(100 * q)}": float(d) for q, d in zip(QUANTILES, distances, strict=True)}
            row["density_ratio"] = float(np.median(covered.density_ratio[rows]))
        found.append(row)
    return found


def _closeness(vectors: Vectors, centroids: np.ndarray, assignment: np.ndarray) -> np.ndarray:
    """Return the product of each vector with its own centroid, float32 [N]."""
    pieces = []
    for begin in range(0, len(vectors), ROWS_AT_ONCE):
        end = min(begin + ROWS_AT_ONCE, len(vectors))
        pieces.append(np.einsum("nd,nd->n", vectors.rows(begin, end), centroids[assignment[begin:end]]))
    return np.concatenate(pieces)
