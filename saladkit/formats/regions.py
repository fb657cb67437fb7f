"""Regions of a text pool: the clusters of its embeddings, the region of each text, and what each region is about.

- `pool-*.safetensors` and `speech-*.safetensors`: embeddings of the pool and of the spoken texts, in the order of their
  rows (`formats/embeddings.py`).
- `clusters.safetensors`: `centroids` float32 [K, D], and `centre` float32 [D], which is zero unless the embedder is a
  text LLM. Distances are between embeddings from which `centre` is subtracted and which are then scaled to length 1.
- `texts.parquet`: one row per text of the pool.
- `regions.parquet`: one row per region.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, PLAN, Artefact
from saladkit.formats.artefact_writer import ArtefactWriter
from saladkit.formats.embeddings import map_embeddings_part, read_index, text_digest
from saladkit.formats.files import part_name
from saladkit.formats.records import damaged, read_record
from saladkit.formats.tables import read_table
from saladkit.formats.tensors import Tensors

# 2: embeddings in shards, as the model made them; neighbours and densities. 3: characters read; densities that order.
SCHEMA, VERSION = "regions", 3
POOL, SPEECH = "pool", "speech"
LM_PREFIX = "lm:"  # before the name of a text LLM whose hidden states are the embeddings
QUANTILES = (0.1, 0.5, 0.9)

TEXTS = pa.schema(
    [
        ("id", pa.string()),
        ("region", pa.int32()),
        ("distance_to_speech", pa.float32()),  # cosine distance to the nearest spoken text; null without speech
        ("density_ratio", pa.float32()),  # p_pool / p_speech around the text, however far speech is; null without it
        ("nearest_spoken", pa.list_(pa.string())),  # ids of the nearest spoken texts, nearest first
    ]
)
REGIONS = pa.schema(
    [
        ("region", pa.int32()),
        ("texts", pa.int64()),
        ("pool_share", pa.float64()),
        ("speech_share", pa.float64()),  # share of the spoken texts with this nearest centroid; null without speech
        *[(f"distance_to_speech_{round(100 * q)}", pa.float64()) for q in QUANTILES],  # over the region's texts
        ("density_ratio", pa.float64()),  # median over the region's texts
        ("keywords", pa.list_(pa.string())),
        ("samples", pa.list_(pa.string())),  # the texts nearest to the centroid
    ]
)
MEDIAN_DISTANCE = "distance_to_speech_50"


def embeddings_part(side: str, index: int, total: int) -> str:
    """Return the file name of one part of the embeddings of `POOL` or `SPEECH`."""
    return f"{side}-{part_name(index, total, '.safetensors')}"


@dataclass(frozen=True)
class Regions:
    """A complete regions artefact.

    Attributes:
        texts: rows of `TEXTS`, in the order of the pool.
        table: rows of `REGIONS`.
    """

    artefact: Artefact
    texts: pa.Table
    table: list[dict]

    @classmethod
    def open(cls, path: str | Path) -> "Regions":
        """Read the tables of texts and regions.

        Raises:
            SaladError: `path` is no complete regions artefact.
        """
        artefact = Artefact.open(path, SCHEMA, VERSION)
        texts = read_table(artefact.path / "texts.parquet", TEXTS)
        return cls(artefact, texts, read_table(artefact.path / "regions.parquet", REGIONS).to_pylist())

    @cached_property
    def region_of(self) -> dict[str, int]:
        """Region of each text, by the text's id."""
        return dict(zip(self.texts.column("id").to_pylist(), self.texts.column("region").to_pylist(), strict=True))

    @property
    def centre(self) -> np.ndarray:
        """Vector that is subtracted from every embedding, float32 [D]."""
        return Tensors(self.artefact.path / "clusters.safetensors").whole("centre")

    def region_of_spoken(self, texts: dict[str, str]) -> dict[str, int]:
        """Return the region of those texts, by id, that are among the spoken ones: that of the nearest centroid."""
        wanted: dict[bytes, list[str]] = {}
        for id_, text in texts.items():
            wanted.setdefault(text_digest(text), []).append(id_)
        centroids = Tensors(self.artefact.path / "clusters.safetensors").whole("centroids")
        spherical = self.artefact.manifest["settings"].get("kmeans") == "spherical"
        offset = 0.0 if spherical else (centroids**2).sum(axis=1) / 2
        found: dict[str, int] = {}
        for path in embedding_parts(self.artefact, SPEECH):
            digests = read_index(path).column("digest").to_pylist()
            rows = [row for row, digest in enumerate(digests) if digest in wanted]
            vectors = map_embeddings_part(path)[rows].astype(np.float32) - self.centre
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
            for row, region in zip(rows, (vectors @ centroids.T - offset).argmax(axis=1).tolist(), strict=True):
                found |= dict.fromkeys(wanted[digests[row]], region)
        return found

    def embeddings(self, side: str) -> list[np.ndarray]:
        """Map the parts of the embeddings of `POOL`, in the order of `texts`, or of `SPEECH` into memory."""
        return [map_embeddings_part(path) for path in embedding_parts(self.artefact, side)]

    def characters_read(self) -> np.ndarray:
        """Return how many characters of each text of the pool the embedder has read, int32 [N]; -1 for all."""
        parts = embedding_parts(self.artefact, POOL)
        return np.concatenate([read_index(path).column("characters_read").to_numpy() for path in parts])


def embedding_parts(artefact: Artefact, side: str) -> list[Path]:
    """Return the files of the embeddings of `POOL` or `SPEECH`."""
    return [path for path in artefact.parts(".safetensors") if path.name.startswith(f"{side}-")]


@dataclass(frozen=True)
class StoredEmbeddings:
    """The embeddings of a regions artefact, complete or not.

    Attributes:
        embedder: the embedder as it was given to `regions`.
        digest: digest of the embedder.
        is_lm: whether the embedder is a text LLM.
        dtype: data type in which the embedder ran.
        parts: files of the embeddings.
    """

    embedder: str
    digest: str
    is_lm: bool
    dtype: str
    parts: list[Path]

    @classmethod
    def open(cls, path: str | Path) -> "StoredEmbeddings":
        """Read the embedder and find the parts in a folder.

        Raises:
            SaladError: the folder was not made by `regions`, or by another version of it.
        """
        path = Path(path)
        unfinished = (path / PLAN).is_file() and not (path / MANIFEST).exists()
        made = read_record(path / PLAN) if unfinished else Artefact.open(path, SCHEMA, VERSION).manifest
        if (made.get("schema"), made.get("schema_version")) != (SCHEMA, VERSION):
            raise SaladError(
                f"{path} holds no regions of this version", "Give regions that this version of saladkit has made."
            )
        parts = [part for side in (POOL, SPEECH) for part in sorted(path.glob(f"{side}-part-*.safetensors"))]
        try:
            embedder, settings = made["inputs"]["embedder"], made["settings"]
            is_lm = settings["embedder"] == "lm"
            name = f"{LM_PREFIX if is_lm else ''}{embedder['path']}"
            return cls(name, embedder["digest"], is_lm, settings["dtype"], parts)
        except KeyError as error:
            raise damaged(path / (PLAN if unfinished else MANIFEST), f"it has no {error}") from error


def write_regions(
    writer: ArtefactWriter, centroids: np.ndarray, centre: np.ndarray, texts: pa.Table, table: list[dict]
) -> None:
    """Write all files of the artefact except embeddings and manifest.

    Args:
        centroids, centre: float [K, D] and [D].
        texts: rows of `TEXTS`.
        table: rows of `REGIONS`.
    """
    with writer.writing("clusters.safetensors") as aside:
        aside.write_bytes(save({"centroids": centroids.astype(np.float32), "centre": centre.astype(np.float32)}))
    with writer.writing("texts.parquet") as aside:
        pq.write_table(texts.cast(TEXTS), aside)
    with writer.writing("regions.parquet") as aside:
        pq.write_table(pa.Table.from_pylist(table, REGIONS), aside)
