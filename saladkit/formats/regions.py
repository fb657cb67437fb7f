"""Regions of a text pool: embeddings, centroids, which region each text is in, and what each region is about.

`pool-*.safetensors` and `speech-*.safetensors` hold the embeddings of the pool and of the spoken texts, in their orders
(`formats/embeddings.py`); each row less the `centre` of `clusters.safetensors`, scaled to length 1 again, is the vector
that all distances are of. `clusters.safetensors` holds `centroids` float32 [K, D] and `centre` float32 [D] (zeros, but
where the embedder is a text LLM). `texts.parquet` has a row per text, `regions.parquet` one per region.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, PLAN, Artefact, ArtefactWriter
from saladkit.formats.embeddings import map_embeddings_part
from saladkit.formats.files import part_name, read_json

SCHEMA, VERSION = "regions", 2  # 2: embeddings in shards, as the model made them; neighbours and densities
POOL, SPEECH = "pool", "speech"
LM_PREFIX = "lm:"  # before the name of a text LLM whose hidden states are the embeddings
QUANTILES = (0.1, 0.5, 0.9)

TEXTS = pa.schema(
    [
        ("id", pa.string()),
        ("region", pa.int32()),
        ("distance_to_speech", pa.float32()),  # cosine distance to the nearest spoken text; null without speech
        ("density_ratio", pa.float32()),  # how much denser the pool is here than speech; null without speech
        ("nearest_spoken", pa.list_(pa.string())),  # ids, the nearest first
    ]
)
REGIONS = pa.schema(
    [
        ("region", pa.int32()),
        ("texts", pa.int64()),
        ("pool_share", pa.float64()),
        ("speech_share", pa.float64()),  # of the spoken texts those whose nearest centroid is this; null without speech
        *[(f"distance_to_speech_{round(100 * q)}", pa.float64()) for q in QUANTILES],  # over the region's texts
        ("density_ratio", pa.float64()),  # median over the region's texts
        ("keywords", pa.list_(pa.string())),
        ("samples", pa.list_(pa.string())),  # the texts nearest to the centroid
    ]
)
MEDIAN_DISTANCE = "distance_to_speech_50"


def embeddings_part(side: str, index: int, total: int) -> str:
    """The name of one shard of the embeddings of `POOL` or of `SPEECH`."""
    return f"{side}-{part_name(index, total, '.safetensors')}"


@dataclass(frozen=True)
class Regions:
    """A regions artefact, open for reading."""

    artefact: Artefact
    texts: pa.Table  # `TEXTS`, in the pool's order
    table: list[dict]  # `REGIONS`

    @classmethod
    def open(cls, path: str | Path) -> "Regions":
        """Read which region each text is in, and the region table.

        Raises:
            SaladError: not a complete regions artefact.
        """
        artefact = Artefact.open(path, SCHEMA, VERSION)
        texts = pq.read_table(artefact.path / "texts.parquet")
        return cls(artefact, texts, pq.read_table(artefact.path / "regions.parquet").to_pylist())

    @cached_property
    def region_of(self) -> dict[str, int]:
        """The region of each text by its id."""
        return dict(zip(self.texts.column("id").to_pylist(), self.texts.column("region").to_pylist(), strict=True))

    @property
    def centre(self) -> np.ndarray:
        """float32 [D], which is taken off every embedding."""
        return load_file(self.artefact.path / "clusters.safetensors")["centre"]

    def embeddings(self, side: str) -> list[np.ndarray]:
        """The mapped shards of the embeddings of `POOL`, in the order of `texts`, or of `SPEECH`."""
        return [map_embeddings_part(path) for path in embedding_parts(self.artefact, side)]


def embedding_parts(artefact: Artefact, side: str) -> list[Path]:
    """The files of the embeddings of `POOL` or of `SPEECH`."""
    return [path for path in artefact.parts(".safetensors") if path.name.startswith(f"{side}-")]


@dataclass(frozen=True)
class StoredEmbeddings:
    """The embeddings of regions, also of unfinished ones: of which embedder, and where they stand."""

    embedder: str  # as it was given
    digest: str  # of the embedder
    is_lm: bool
    dtype: str
    parts: list[Path]

    @classmethod
    def open(cls, path: str | Path) -> "StoredEmbeddings":
        """Look a folder through.

        Raises:
            SaladError: not a folder that `regions` has made or is making, or of another version.
        """
        path = Path(path)
        unfinished = (path / PLAN).is_file() and not (path / MANIFEST).exists()
        made = read_json(path / PLAN) if unfinished else Artefact.open(path, SCHEMA, VERSION).manifest
        if (made.get("schema"), made.get("schema_version")) != (SCHEMA, VERSION):
            raise SaladError(f"{path} holds no regions of this version", "Give regions that this saladkit has made.")
        parts = [part for side in (POOL, SPEECH) for part in sorted(path.glob(f"{side}-part-*.safetensors"))]
        embedder, is_lm = made["inputs"]["embedder"], made["settings"]["embedder"] == "lm"
        name = f"{LM_PREFIX if is_lm else ''}{embedder['path']}"
        return cls(name, embedder["digest"], is_lm, made["settings"]["dtype"], parts)


def write_regions(
    writer: ArtefactWriter, centroids: np.ndarray, centre: np.ndarray, texts: pa.Table, table: list[dict]
) -> None:
    """Write all files of the artefact but embeddings and manifest."""
    with writer.writing("clusters.safetensors") as aside:
        save_file({"centroids": centroids.astype(np.float32), "centre": centre.astype(np.float32)}, aside)
    with writer.writing("texts.parquet") as aside:
        pq.write_table(texts.cast(TEXTS), aside)
    with writer.writing("regions.parquet") as aside:
        pq.write_table(pa.Table.from_pylist(table, REGIONS), aside)
