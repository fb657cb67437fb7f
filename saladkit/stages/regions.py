"""`regions`: the text pool embedded, cut into regions, and its distance from all that is spoken."""

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter, create_artefact, digest_path
from saladkit.formats.embeddings import map_embeddings_part
from saladkit.formats.regions import (
    LM_PREFIX,
    POOL,
    SCHEMA,
    SPEECH,
    TEXTS,
    VERSION,
    StoredEmbeddings,
    write_regions,
)
from saladkit.machine import resolve_device
from saladkit.progress import say
from saladkit.runtime import Run
from saladkit.selection.clustering import BALANCE, balanced_kmeans, nearest_centroids
from saladkit.selection.coverage import Coverage, coverage
from saladkit.selection.embedders.embedder import Embedder
from saladkit.selection.embedders.registry import open_embedder
from saladkit.selection.embedding import TEXTS_PER_PART, KnownVectors, embed_texts
from saladkit.selection.neighbours import EXACT_UP_TO
from saladkit.selection.region_table import region_rows
from saladkit.selection.sampling import uniform_numbers
from saladkit.selection.vectors import Vectors, mean_of
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import check_ids_distinct, read_samples


def regions(
    pool: str,
    output: str | Path,
    *,
    embedder: str,
    clusters: int = 128,
    balance: float = BALANCE,
    plain: bool = False,
    kmeans: str = "spherical",
    iterations: int = 25,
    speech: tuple[str, ...] = (),
    neighbours: int = 5,
    reuse: tuple[str, ...] = (),
    batch_tokens: int = 8192,
    memory_gb: float = 4.0,
    exact_up_to: int = EXACT_UP_TO,
    seed: int = 0,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    dtype: str | None = None,
    num_shards: int = 1,
    shard_index: int = 0,
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Cut `pool` into `clusters` regions of about the same size.

    Args:
        balance: the largest region has at most so many times the texts of the smallest, unless `plain`.
        kmeans: "spherical" or "l2".
        reuse: earlier regions of the same embedder; texts that they hold are not embedded again.
        memory_gb: what pieces of vectors may take together while neighbours are searched, in GB.
        dtype: of the embedder's weights; None: bfloat16 on a GPU, else float32.
        num_shards, shard_index: several processes embed; the one that finds all embeddings there goes on.

    Returns:
        The summary: texts, regions, balance (largest / smallest).

    Raises:
        SaladError: samples or an embedder that are none, embeddings that are, or fewer texts than clusters.
    """
    run = Run("regions")
    device = resolve_device(device)
    dtype = dtype or ("bfloat16" if device == "cuda" else "float32")
    columns = {"needed": ["id", "text"], "optional": [], "names": names, "limit": limit, "beside": output}
    table = read_samples(pool, **columns)
    distinct = _different(table.column("text"), clusters)
    if distinct < clusters:
        raise SaladError(f"{pool} has {distinct} different texts, fewer than {clusters} clusters", "Lower --clusters.")
    sources = [(source, read_samples(source, **columns).select(["id", "text"])) for source in speech]
    check_ids_distinct(sources)
    spoken = pa.concat_tables([source for _, source in sources]) if sources else table.slice(0, 0)
    known = _known(reuse, embedder, dtype)
    if dry_run:
        plan = {"texts": table.num_rows, "spoken": spoken.num_rows, "clusters": clusters, "dtype": dtype}
        return run.summary({"dry_run": True, **plan})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="regions",
        settings={
            "embedder": "lm" if embedder.startswith(LM_PREFIX) else "encoder",
            "clusters": clusters,
            "balance": None if plain else balance,
            "kmeans": kmeans,
            "iterations": iterations,
            "neighbours": neighbours,
            "exact_up_to": exact_up_to,
            "memory_gb": memory_gb,  # products of other shapes may differ in the last bit
            "dtype": dtype,
            "seed": seed,
            "limit": limit,
            "columns": vars(names),
        },
        inputs={"pool": pool, "embedder": embedder.removeprefix(LM_PREFIX)}
        | {f"speech {i}": source for i, source in enumerate(speech)},
        overwrite=overwrite,
        digest=digest_source,
        also_read={f"reuse {i}": path for i, path in enumerate(reuse)},
    )
    if writer.finished is not None:
        return writer.finished

    @cache
    def opened() -> Embedder:
        return open_embedder(embedder, device=device, dtype=dtype, batch_tokens=batch_tokens)

    sharing = {"num_shards": num_shards, "shard_index": shard_index}
    with writer.nothing_left_of_an_error():
        pool_parts = embed_texts(table, writer, POOL, opened, known, **sharing)
        speech_parts = embed_texts(spoken, writer, SPEECH, opened, known, **sharing)
    if not writer.has_all([*pool_parts, *speech_parts]):
        return run.summary({"shards_missing": True, "texts": table.num_rows})

    pool_shards, speech_shards = _mapped(writer, pool_parts), _mapped(writer, speech_parts)
    centred = embedder.startswith(LM_PREFIX)  # an LLM's hidden states share one large common direction
    centre = mean_of(pool_shards) if centred else np.zeros(pool_shards[0].shape[1], dtype=np.float32)
    vectors = Vectors(pool_shards, centre if centred else None)
    centroids, assignment = balanced_kmeans(
        vectors,
        clusters,
        iterations=iterations,
        seed=seed,
        spherical=kmeans == "spherical",
        balance=np.inf if plain else balance,
        priority=uniform_numbers(table.column("id").to_pylist(), seed),
        on_gpus=device == "cuda",
    )
    covered, speech_region = None, None
    if spoken.num_rows:
        heard = Vectors(speech_shards, centre if centred else None)
        memory = int(memory_gb * 1e9)
        where = {"memory": memory, "seed": seed, "on_gpus": device == "cuda"}
        covered = coverage(vectors, heard, neighbours, exact_up_to=exact_up_to, **where)
        speech_region = nearest_centroids(heard, centroids, kmeans == "spherical")
        if covered.nearest.recall is not None:
            say(f"regions: of the nearest spoken texts {covered.nearest.recall:.1%} were found (approximate search)")
    rows = region_rows(table.select(["text"]), vectors, centroids, assignment, covered, speech_region, seed=seed)
    write_regions(writer, centroids, centre, _text_rows(table, spoken, assignment, covered), rows)
    writer.finish(counts={"texts": table.num_rows, "regions": clusters, "spoken": spoken.num_rows})
    sizes = np.bincount(assignment, minlength=clusters)
    figures = {
        "texts": table.num_rows,
        "regions": clusters,
        "largest_to_smallest": round(float(sizes.max() / max(1, sizes.min())), 3),
    }
    if covered is not None:
        figures["distance_to_speech"] = round(float(np.median(covered.nearest.distances[:, 0])), 4)
        figures["neighbours_recall"] = covered.nearest.recall
    return run.summary(figures, writer)


def _different(texts: pa.ChunkedArray, enough: int) -> int:
    """How many different texts there are, counted until there are enough."""
    seen: set[str] = set()
    for begin in range(0, len(texts), TEXTS_PER_PART):
        seen.update(texts.slice(begin, TEXTS_PER_PART).to_pylist())
        if len(seen) >= enough:
            break
    return len(seen)


def _known(reuse: tuple[str, ...], embedder: str, dtype: str) -> KnownVectors:
    """The vectors of earlier regions, which have to be of this embedder."""
    parts: list[Path] = []
    for path in reuse:
        stored = StoredEmbeddings.open(path)
        same = (stored.is_lm, stored.dtype) == (embedder.startswith(LM_PREFIX), dtype)
        if not same or stored.digest != digest_path(embedder.removeprefix(LM_PREFIX)):
            raise SaladError(
                f"{path} has embeddings of {stored.embedder} in {stored.dtype}, not of {embedder} in {dtype}",
                "Reuse regions of the same embedder.",
            )
        parts += stored.parts
    return KnownVectors(parts)


def _mapped(writer: ArtefactWriter, names: list[str]) -> list[np.ndarray]:
    return [map_embeddings_part(writer.path / name) for name in names if name.endswith(".safetensors")]


def _text_rows(table: pa.Table, spoken: pa.Table, assignment: np.ndarray, covered: Coverage | None) -> pa.Table:
    """One row a text: where it is, and how well it is covered."""
    rows = {"id": table.column("id"), "region": pa.array(assignment.astype(np.int32))}
    if covered is None:
        unknown = {field.name: pa.nulls(table.num_rows, field.type) for field in TEXTS if field.name not in rows}
        return pa.table(rows | unknown)
    return pa.table(
        rows
        | {
            "distance_to_speech": pa.array(covered.nearest.distances[:, 0]),
            "density_ratio": pa.array(covered.density_ratio),
            "nearest_spoken": _nearest_ids(spoken.column("id"), covered.nearest.rows),
        }
    )


def _nearest_ids(ids: pa.ChunkedArray, rows: np.ndarray) -> pa.ChunkedArray:
    """Ids by row number [N, k], as lists; in pieces, as strings of more than 2 GB overflow."""
    known = ids.cast(pa.large_string()).combine_chunks()
    pieces = []
    for begin in range(0, len(rows), TEXTS_PER_PART):
        found = rows[begin : begin + TEXTS_PER_PART]
        taken = known.take(pa.array(found.ravel(), mask=found.ravel() < 0)).cast(pa.string())
        offsets = pa.array(np.arange(len(found) + 1, dtype=np.int32) * found.shape[1])
        pieces.append(pa.ListArray.from_arrays(offsets, taken))
    return pa.chunked_array(pieces)
