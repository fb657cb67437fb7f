"""Make the two tables of regions: the region of each text; the size, keywords and distance to speech of each region."""

import numpy as np
import pyarrow as pa

from saladkit.formats.regions import QUANTILES, TEXTS
from saladkit.formats.samples import take_rows
from saladkit.selection.cutting import Cut
from saladkit.selection.keywords import keywords
from saladkit.selection.vectors import Vectors

SAMPLES = 3  # shown per region: the texts nearest to its centroid
TEXTS_FOR_KEYWORDS = 2000  # of a region, drawn at random: they are enough to find its distinctive words
ROWS_AT_ONCE, IDS_AT_ONCE = 65_536, 8192


def region_rows(texts: pa.Table, vectors: Vectors, cut: Cut, *, seed: int) -> list[dict]:
    """Return the rows of `formats.regions.REGIONS`.

    Args:
        texts: the N texts of the pool, in a column `text`.
        vectors: their embeddings, [N, D].
        cut: their regions.
    """
    random = np.random.default_rng([seed, 9])
    closeness = _closeness(vectors, cut.centroids, cut.assignment)
    members = [np.flatnonzero(cut.assignment == region) for region in range(len(cut.centroids))]
    drawn = [np.sort(random.permutation(rows)[:TEXTS_FOR_KEYWORDS]) for rows in members]
    words = keywords([take_rows(texts, rows).column("text").to_pylist() for rows in drawn])
    found = []
    for region, rows in enumerate(members):
        central = rows[np.argsort(-closeness[rows], kind="stable")[:SAMPLES]]
        row = {
            "region": region,
            "texts": len(rows),
            "pool_share": len(rows) / len(cut.assignment),
            "speech_share": None if cut.speech_region is None else float((cut.speech_region == region).mean()),
            "keywords": words[region],
            "samples": take_rows(texts, central).column("text").to_pylist(),
        }
        if cut.covered is not None and len(rows):  # plain k-means may leave a region empty
            distances = np.quantile(cut.covered.nearest.distances[rows, 0].astype(np.float64), QUANTILES)
            row |= {f"distance_to_speech_{round(100 * q)}": float(d) for q, d in zip(QUANTILES, distances, strict=True)}
            row["density_ratio"] = float(np.median(cut.covered.density_ratio[rows]))
        found.append(row)
    return found


def _closeness(vectors: Vectors, centroids: np.ndarray, assignment: np.ndarray) -> np.ndarray:
    """Return the product of each vector with its own centroid, float32 [N]."""
    pieces = []
    for begin in range(0, len(vectors), ROWS_AT_ONCE):
        end = min(begin + ROWS_AT_ONCE, len(vectors))
        pieces.append(np.einsum("nd,nd->n", vectors.rows(begin, end), centroids[assignment[begin:end]]))
    return np.concatenate(pieces)


def text_rows(table: pa.Table, spoken: pa.Table, cut: Cut) -> pa.Table:
    """Return the rows of `formats.regions.TEXTS`.

    Args:
        table: the pool, N rows with an `id`.
        spoken: the spoken texts, M rows with an `id`.
        cut: the regions of both.
    """
    rows = {"id": table.column("id"), "region": pa.array(cut.assignment.astype(np.int32))}
    if cut.covered is None:
        unknown = {field.name: pa.nulls(table.num_rows, field.type) for field in TEXTS if field.name not in rows}
        return pa.table(rows | unknown)
    return pa.table(
        rows
        | {
            "distance_to_speech": pa.array(cut.covered.nearest.distances[:, 0]),
            "density_ratio": pa.array(cut.covered.density_ratio),
            "nearest_spoken": _nearest_ids(spoken.column("id"), cut.covered.nearest.rows),
        }
    )


def _nearest_ids(ids: pa.ChunkedArray, rows: np.ndarray) -> pa.ChunkedArray:
    """Return the ids of row numbers [N, k], as lists; in pieces, as one array of strings ends at 2 GB."""
    known = ids.cast(pa.large_string()).combine_chunks()
    pieces = []
    for begin in range(0, len(rows), IDS_AT_ONCE):
        found = rows[begin : begin + IDS_AT_ONCE]
        taken = known.take(pa.array(found.ravel(), mask=found.ravel() < 0)).cast(pa.string())
        offsets = pa.array(np.arange(len(found) + 1, dtype=np.int32) * found.shape[1])
        pieces.append(pa.ListArray.from_arrays(offsets, taken))
    return pa.chunked_array(pieces)
