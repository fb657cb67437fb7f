"""Regions of a text pool: embeddings, centroids, which region each text is in, and what each region is about.

`embeddings.safetensors` holds `embeddings` float16 [N, D] (length 1, in the pool's order), `centroids` float32 [K, D]
and `centre` float32 [D], which was taken off first. `texts.parquet` has a row per text, `regions.parquet` one per
region.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from saladkit.formats.artefact import Artefact, ArtefactWriter

SCHEMA, VERSION = "regions", 1

TEXTS = pa.schema(
    [
        ("id", pa.string()),
        ("region", pa.int32()),
        ("distance_to_speech", pa.float32()),  # cosine distance to the nearest spoken text; null without speech
        ("nearest_spoken", pa.string()),
    ]
)
REGIONS = pa.schema(
    [
        ("region", pa.int32()),
        ("texts", pa.int64()),
        ("pool_share", pa.float64()),
        (
            "speech_share",
            pa.float64(),
        ),  # of the spoken texts, those whose nearest centroid is this; null without speech
        ("distance_to_speech", pa.float64()),  # median over the region's texts
        ("keywords", pa.list_(pa.string())),
        ("samples", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True)
class Regions:
    """A regions artefact, open for reading."""

    region_of: dict[str, int]
    table: list[dict]

    @classmethod
    def open(cls, path: str | Path) -> "Regions":
        """Read which region each text is in, and the region table.

        Raises:
            SaladError: not a complete regions artefact.
        """
        artefact = Artefact.open(path, SCHEMA)
        texts = pq.read_table(artefact.path / "texts.parquet", columns=["id", "region"]).to_pydict()
        table = pq.read_table(artefact.path / "regions.parquet").to_pylist()
        return cls(dict(zip(texts["id"], texts["region"], strict=True)), table)


def write_vectors(path: Path, vectors: np.ndarray) -> None:
    """Write a block of raw embeddings [N, D], which a run that is cut off leaves to the next."""
    save_file({"vectors": vectors}, path)


def read_vectors(path: Path) -> np.ndarray:
    """What `write_vectors` wrote."""
    return load_file(path)["vectors"]


def write_regions(
    writer: ArtefactWriter,
    embeddings: np.ndarray,
    centroids: np.ndarray,
    centre: np.ndarray,
    texts: list[dict],
    table: list[dict],
) -> None:
    """Write all files of the artefact but the manifest."""
    tensors = {
        "embeddings": embeddings.astype(np.float16),
        "centroids": centroids.astype(np.float32),
        "centre": centre.astype(np.float32),
    }
    with writer.writing("embeddings.safetensors") as aside:
        save_file(tensors, aside)
    with writer.writing("texts.parquet") as aside:
        pq.write_table(pa.Table.from_pylist(texts, TEXTS), aside)
    with writer.writing("regions.parquet") as aside:
        pq.write_table(pa.Table.from_pylist(table, REGIONS), aside)
