"""Embed the texts of a table part by part, and skip texts that are embedded already, here or in earlier regions."""

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter
from saladkit.formats.embeddings import map_embeddings_part, read_digests, text_digest, write_embeddings_part
from saladkit.formats.regions import embeddings_part
from saladkit.progress import progress
from saladkit.selection.embedders.embedder import Embedder

TEXTS_PER_PART = 8192  # most texts that a run embeds again after it was interrupted


class KnownVectors:
    """Look up vectors of earlier regions by the digests of their texts."""

    def __init__(self, parts: Iterable[Path]):
        self._parts = list(parts)

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return all digests as halves [M, 2], sorted by the first half, with the part and the row of each, int [M]."""
        digests = [_halves(read_digests(path).to_pylist()) for path in self._parts]
        part = np.repeat(np.arange(len(digests)), [len(found) for found in digests])
        row = np.concatenate([np.arange(len(found)) for found in digests])
        every = np.concatenate(digests)
        order = np.argsort(every[:, 0], kind="stable")
        return every[order], part[order], row[order]

    def of(self, digests: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Return which texts are known, bool [n], and their vectors, float16 [known, D]."""
        nothing = np.empty((0, 0), dtype=np.float16)
        if not self._parts:
            return np.zeros(len(digests), dtype=bool), nothing
        stored, part, row = self._sorted
        asked = _halves(digests)
        place = np.minimum(np.searchsorted(stored[:, 0], asked[:, 0]), len(stored) - 1)
        known = (stored[place] == asked).all(axis=1)
        place = place[known]
        vectors = nothing
        for index in np.unique(part[place]):
            mapped = map_embeddings_part(self._parts[index])
            vectors = vectors if len(vectors) else np.empty((len(place), mapped.shape[1]), np.float16)
            vectors[part[place] == index] = mapped[row[place][part[place] == index]]
        return known, vectors


def _halves(digests: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)


def embed_texts(
    table: pa.Table,
    writer: ArtefactWriter,
    side: str,
    open_embedder: Callable[[], Embedder],
    known: KnownVectors,
    num_shards: int = 1,
    shard_index: int = 0,
) -> list[str]:
    """Write the embeddings of a table's column `text`, and return the names of all their files.

    Args:
        side: `formats.regions.POOL` or `SPEECH`, which the files are named after.
        open_embedder: returns the embedder; called only if a text is new.
        known: vectors of earlier regions.
        num_shards: processes that share the parts; this one writes every `num_shards`-th, from `shard_index` on.

    Raises:
        SaladError: the vector of a text is zero or not finite.
    """
    starts = range(0, table.num_rows, TEXTS_PER_PART)
    names = [embeddings_part(side, index, len(starts)) for index in range(len(starts))]
    with progress(None, total=table.num_rows, what=f"embed {side}", unit="text") as bar:
        for index, (start, name) in enumerate(zip(starts, names, strict=True)):
            part = table.slice(start, TEXTS_PER_PART)
            if index % num_shards != shard_index or writer.has_all([name, _index_of(name)]):
                bar.update(part.num_rows)
                continue
            ids, texts = part.column("id").to_pylist(), part.column("text").to_pylist()
            digests = [text_digest(text) for text in texts]
            is_known, vectors = known.of(digests)
            bar.update(len(vectors))
            new = np.flatnonzero(~is_known)
            if len(new):
                found = open_embedder().encode([texts[row] for row in new], bar.update)
                _check(found, [ids[row] for row in new])
                every = np.empty((len(texts), found.shape[1]), dtype=np.float16)
                every[new] = found
                if len(vectors):
                    every[is_known] = vectors
                vectors = every
            write_embeddings_part(writer.path / name, digests, vectors)
            writer.has_all([name, _index_of(name)])
    return [name for part in names for name in (part, _index_of(part))]


def _index_of(name: str) -> str:
    return str(Path(name).with_suffix(".parquet"))


def _check(vectors: np.ndarray, ids: list[str]) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(lengths > 0.5))  # lengths are 1, 0 or NaN
    if len(wrong):
        is_zero = lengths[wrong[0]] == 0
        raise SaladError(
            f"the embedding of row '{ids[wrong[0]]}' is {'zero' if is_zero else 'not finite'} ({len(wrong)} rows)",
            "Take the text out (--reuse keeps the embeddings that are finished), or give another embedder."
            if is_zero
            else "Give --embedder-dtype float32, or another embedder.",
        )
