"""`regions`: embed a text pool, cluster it into regions, and measure its distance from spoken texts."""

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.regions import LM_PREFIX, POOL, SCHEMA, SPEECH, VERSION, write_regions
from saladkit.job import Clock, Job, Made, Part, Work, numbered
from saladkit.machine import resolve_device
from saladkit.model.loading import check_texts_fit
from saladkit.progress import say
from saladkit.selection.cutting import Cut, cut
from saladkit.selection.embedders.language_model import MAX_TOKENS
from saladkit.selection.embedders.registry import open_embedder
from saladkit.selection.embedding import KnownVectors, count_truncated, embed_pieces, map_pieces, pieces_of
from saladkit.selection.region_table import region_rows, text_rows
from saladkit.selection.sampling import uniform_numbers
from saladkit.selection.texts import Texts, count_distinct
from saladkit.selection.vectors import Vectors, mean_of
from saladkit.settings.regions import RegionsSettings
from saladkit.sources.samples import check_ids_distinct, read_samples


def regions(pool: str, output: str | Path, settings: RegionsSettings) -> dict:
    """Cluster the texts of `pool` into regions of similar size, and measure how far each lies from spoken texts.

    Returns:
        The summary: texts, regions, size of the largest region divided by that of the smallest.

    Raises:
        SaladError: samples or the embedder cannot be read, a text LLM cannot read a text, an embedding is zero or not
            finite, or there are fewer distinct texts than clusters.
    """
    clock = Clock()
    device = resolve_device(settings.device)
    dtype = settings.dtype or ("bfloat16" if device == "cuda" else "float32")
    table, spoken = _read(pool, output, settings)
    of_pool, of_speech = pieces_of(table, POOL), pieces_of(spoken, SPEECH)
    known = KnownVectors.open(settings.reuse, settings.embedder, dtype)
    is_lm = settings.embedder.startswith(LM_PREFIX)
    if is_lm:
        texts = {pool: table, ", ".join(settings.speech): spoken}
        check_texts_fit(settings.embedder.removeprefix(LM_PREFIX), texts, MAX_TOKENS)
    embedder = cache(
        lambda: open_embedder(settings.embedder, device=device, dtype=dtype, batch_tokens=settings.batch_tokens)
    )

    def make(work: Work) -> Made:
        pieces = [*of_pool, *of_speech]
        work.fill(
            [Part(piece.files, piece.texts.num_rows, piece.place) for piece in pieces],
            lambda missing: embed_pieces((pieces[i] for i in missing), work.path, embedder, known, work.advance),
            unit="text",
        )
        shards = map_pieces(of_pool, work.path)
        centre = mean_of(shards) if is_lm else None  # the hidden states of an LLM have a large component in common
        vectors = Vectors(shards, centre)
        speech_vectors = Vectors(map_pieces(of_speech, work.path), centre) if of_speech else None
        priority = uniform_numbers(table.column("id").to_pylist(), settings.seed)
        found = cut(vectors, speech_vectors, priority, settings, on_gpus=device == "cuda")
        rows = region_rows(table.select(["text"]), vectors, found, seed=settings.seed)
        at = np.zeros(vectors.width, np.float32) if centre is None else centre
        write_regions(work.writer, found.centroids, at, text_rows(table, spoken, found), rows)
        counts = {"texts": table.num_rows, "regions": settings.clusters, "spoken": spoken.num_rows}
        truncated = count_truncated(pieces, work.path)
        if truncated:
            say(f"regions: {truncated} texts are longer than the embedder reads; their beginnings alone are embedded")
        figures = _figures(found) | {"texts": table.num_rows, "regions": settings.clusters, "truncated": truncated}
        return Made(counts, figures)

    inputs = {"pool": pool, "embedder": settings.embedder.removeprefix(LM_PREFIX)} | numbered("speech", settings.speech)
    also_read = numbered("reuse", settings.reuse)
    identified = {"embedder": "lm" if is_lm else "encoder", "dtype": dtype}
    job = Job("regions", SCHEMA, VERSION, settings, inputs, also_read, identified, clock=clock)
    plan = {"texts": table.num_rows, "spoken": spoken.num_rows, "clusters": settings.clusters, "dtype": dtype}
    return job.run(output, plan=plan, make=make)


def _read(pool: str, output: str | Path, settings: RegionsSettings) -> tuple[pa.Table, pa.Table]:
    """Return the pool, and all spoken texts with `id` and `text`."""

    def read(path: str) -> pa.Table:
        return read_samples(
            path, needed=["id", "text"], optional=[], names=settings.names, limit=settings.limit, beside=output
        )

    table = read(pool)
    distinct, clusters = count_distinct(Texts(table.column("text")), settings.clusters), settings.clusters
    if distinct < clusters:
        raise SaladError(f"{pool} has {distinct} different texts, fewer than {clusters} clusters", "Lower --clusters.")
    sources = [(path, read(path).select(["id", "text"])) for path in settings.speech]
    check_ids_distinct(sources)
    return table, pa.concat_tables([source for _, source in sources]) if sources else table.slice(0, 0)


def _figures(found: Cut) -> dict:
    sizes = np.bincount(found.assignment, minlength=len(found.centroids))
    figures: dict = {"largest_to_smallest": round(float(sizes.max() / max(1, sizes.min())), 3)}
    if found.covered is not None:
        nearest = found.covered.nearest
        figures["distance_to_speech"] = round(float(np.median(nearest.distances[:, 0])), 4)
        figures["neighbours_recall"] = nearest.recall
        if nearest.recall is not None:
            say(f"regions: the approximate search found {nearest.recall:.1%} of the nearest spoken texts")
    return figures
