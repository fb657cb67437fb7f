"""`regions`: the text pool embedded, cut into regions, and its distance from all that is spoken."""

from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import create_artefact, written_aside
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.regions import SCHEMA, VERSION, read_vectors, write_regions, write_vectors
from saladkit.formats.samples import read_samples
from saladkit.runtime import Run, resolve_device
from saladkit.selection.clustering import balanced_kmeans
from saladkit.selection.embedding import LM_PREFIX, Embedder, normalise, open_embedder
from saladkit.selection.keywords import keywords
from saladkit.selection.neighbours import nearest

TEXTS_PER_BLOCK = 8192  # what a run that is cut off has to embed again at most


def regions(
    pool: str,
    output: str | Path,
    *,
    embedder: str,
    clusters: int = 128,
    speech: tuple[str, ...] = (),
    iterations: int = 25,
    batch_size: int = 16,
    seed: int = 0,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    dtype: str = "float32",
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Cut `pool` into `clusters` regions of about the same size.

    Returns:
        The summary: texts, regions, balance (largest / smallest).

    Raises:
        SaladError: samples or an embedder that are none, or fewer texts than clusters.
    """
    run = Run("regions")
    columns = {"needed": ["id", "text"], "optional": [], "names": names, "limit": limit}
    table = read_samples(pool, **columns)
    ids, texts = table.column("id").to_pylist(), table.column("text").to_pylist()
    if len(texts) < clusters:
        raise SaladError(f"{pool} has {len(texts)} texts, fewer than {clusters} clusters", "Lower --clusters.")
    spoken = [row for source in speech for row in read_samples(source, **columns).select(["id", "text"]).to_pylist()]
    if dry_run:
        return run.summary({"dry_run": True, "texts": len(texts), "spoken": len(spoken), "clusters": clusters})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="regions",
        settings={
            "embedder": "lm" if embedder.startswith(LM_PREFIX) else "encoder",
            "clusters": clusters,
            "iterations": iterations,
            "dtype": dtype,
            "seed": seed,
            "limit": limit,
            "columns": vars(names),
        },
        inputs={"pool": pool, "embedder": embedder.removeprefix(LM_PREFIX)}
        | {f"speech {i}": s for i, s in enumerate(speech)},
        overwrite=overwrite,
    )
    if writer.finished is not None:
        return writer.finished
    opened = open_embedder(embedder, device=resolve_device(device), dtype=dtype, batch_size=batch_size)
    raw = _embed(opened, texts, writer.working, "pool")
    centre = raw.mean(axis=0) if opened.centred else np.zeros(raw.shape[1], dtype=np.float32)
    vectors = normalise(raw, centre)
    centroids, assignment = balanced_kmeans(vectors, clusters, iterations=iterations, seed=seed)

    distances, found, speech_region = None, None, None
    if spoken:
        spoken_texts = [row["text"] for row in spoken]
        spoken_vectors = normalise(_embed(opened, spoken_texts, writer.working, "speech"), centre)
        distances, found = nearest(vectors, spoken_vectors)
        speech_region = nearest(spoken_vectors, centroids)[1]
    text_rows = [
        {
            "id": id_,
            "region": int(assignment[row]),
            "distance_to_speech": None if distances is None else float(distances[row]),
            "nearest_spoken": None if found is None else spoken[found[row]]["id"],
        }
        for row, id_ in enumerate(ids)
    ]
    words = keywords(texts, assignment, clusters)
    sizes = np.bincount(assignment, minlength=clusters)
    region_rows = []
    for region in range(clusters):
        inside = np.flatnonzero(assignment == region)
        central = inside[np.argsort(-(vectors[inside] @ centroids[region]), kind="stable")[:3]]
        region_rows.append(
            {
                "region": region,
                "texts": len(inside),
                "pool_share": len(inside) / len(texts),
                "speech_share": None if speech_region is None else float((speech_region == region).mean()),
                "distance_to_speech": None if distances is None else float(np.median(distances[inside])),
                "keywords": words[region],
                "samples": [texts[row] for row in central],
            }
        )
    write_regions(writer, vectors, centroids, centre, text_rows, region_rows)
    writer.finish(counts={"texts": len(texts), "regions": clusters, "spoken": len(spoken)})
    balance = round(float(sizes.max() / max(1, sizes.min())), 3)
    return run.summary({"texts": len(texts), "regions": clusters, "largest_to_smallest": balance}, writer)


def _embed(embedder: Embedder, texts: list[str], working: Path, name: str) -> np.ndarray:
    """Vectors [N, D] of the texts; blocks that stand in `working` are not embedded again."""
    blocks = []
    for begin in range(0, len(texts), TEXTS_PER_BLOCK):
        of_block = texts[begin : begin + TEXTS_PER_BLOCK]
        block = working / f"{name}-{begin}-{begin + len(of_block)}.safetensors"
        if not block.exists():
            with written_aside(block) as aside:
                write_vectors(aside, embedder.encode(of_block))
        blocks.append(read_vectors(block))
    return np.concatenate(blocks)
