"""Embed the texts of a table part by part, and skip texts that this run or earlier regions have embedded already."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.artefact import digest_path
from saladkit.formats.embeddings import WHOLE, map_embeddings_part, read_index, text_digest, write_embeddings_part
from saladkit.formats.regions import LM_PREFIX, StoredEmbeddings, embeddings_part
from saladkit.selection.embedders.embedder import Embedder

TEXTS_PER_PART = 8192  # an interrupted run repeats at most this many texts


class KnownVectors:
    """Look up vectors of earlier regions by the digests of their texts."""

    def __init__(self, parts: Iterable[Path]):
        self._parts = list(parts)

    @classmethod
    def open(cls, reuse: Iterable[str], embedder: str, dtype: str) -> "KnownVectors":
        """Open the vectors of earlier regions, which may be unfinished.

        Raises:
            SaladError: a path holds no regions, or their embeddings were made by another embedder or with another
                type of weights.
        """
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
        return cls(parts)

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return all digests as halves [M, 2], sorted by the first half; part, row and characters read of each [M]."""
        indices = [read_index(path) for path in self._parts]
        digests = [_halves(index.column("digest").to_pylist()) for index in indices]
        read = np.concatenate([index.column("characters_read").to_numpy() for index in indices])
        part = np.repeat(np.arange(len(digests)), [len(found) for found in digests])
        row = np.concatenate([np.arange(len(found)) for found in digests])
        every = np.concatenate(digests)
        order = np.argsort(every[:, 0], kind="stable")
        return every[order], part[order], row[order], read[order]

    def of(self, digests: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which texts are known, bool [n], their vectors float16 [known, D], and characters read [known]."""
        nothing = np.empty((0, 0), dtype=np.float16)
        if not self._parts:
            return np.zeros(len(digests), dtype=bool), nothing, np.empty(0, dtype=np.int32)
        stored, part, row, read = self._sorted
        asked = _halves(digests)
        place = np.minimum(np.searchsorted(stored[:, 0], asked[:, 0]), len(stored) - 1)
        known = (stored[place] == asked).all(axis=1)
        place = place[known]
        vectors = nothing
        for index in np.unique(part[place]):
            mapped = map_embeddings_part(self._parts[index])
            vectors = vectors if len(vectors) else np.empty((len(place), mapped.shape[1]), np.float16)
            vectors[part[place] == index] = mapped[row[place][part[place] == index]]
        return known, vectors, read[place]


def _halves(digests: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)


@dataclass(frozen=True)
class Piece:
    """Texts whose embeddings are stored in one part.

    Attributes:
        files: names of the file of vectors and of the file of the texts' digests.
        place: index among the pieces of the same table.
    """

    texts: pa.Table
    files: tuple[str, str]
    place: int


def pieces_of(table: pa.Table, side: str) -> list[Piece]:
    """Divide the texts of a table into pieces; `side` is `POOL` or `SPEECH`."""
    starts = range(0, table.num_rows, TEXTS_PER_PART)
    names = [embeddings_part(side, index, len(starts)) for index in range(len(starts))]
    return [
        Piece(table.slice(start, TEXTS_PER_PART), (name, str(Path(name).with_suffix(".parquet"))), place)
        for place, (start, name) in enumerate(zip(starts, names, strict=True))
    ]


def embed_pieces(
    pieces: Iterable[Piece],
    folder: Path,
    open_embedder: Callable[[], Embedder],
    known: KnownVectors,
    advance: Callable[[int], object],
) -> None:
    """Write the embeddings of each piece's texts into `folder`.

    Args:
        open_embedder: called only if a text has no known vector.
        advance: called with the number of texts that were finished since the last call.

    Raises:
        SaladError: the vector of a text is zero or not finite.
    """
    for piece in pieces:
        ids, texts = piece.texts.column("id").to_pylist(), piece.texts.column("text").to_pylist()
        digests = [text_digest(text) for text in texts]
        is_known, vectors, read_before = known.of(digests)
        advance(len(vectors))
        new = np.flatnonzero(~is_known)
        read = np.empty(len(texts), dtype=np.int32)
        read[is_known] = read_before
        if len(new):
            some = [texts[row] for row in new]
            found = open_embedder().encode(some, advance)
            _check(found, [ids[row] for row in new])
            read[new] = open_embedder().characters_read(some)
            every = np.empty((len(texts), found.shape[1]), dtype=np.float16)
            every[new] = found
            if len(vectors):
                every[is_known] = vectors
            vectors = every
        write_embeddings_part(folder / piece.files[0], digests, read, vectors)


def map_pieces(pieces: Iterable[Piece], folder: Path) -> list[np.ndarray]:
    """Map the embeddings of pieces, float16 [n, D] each."""
    return [map_embeddings_part(folder / piece.files[0]) for piece in pieces]


def count_truncated(pieces: Iterable[Piece], folder: Path) -> int:
    """Return how many texts of pieces are longer than the embedder reads."""
    read = [read_index(folder / piece.files[0]).column("characters_read").to_numpy() for piece in pieces]
    return int(sum((of_piece != WHOLE).sum() for of_piece in read))


def _check(vectors: np.ndarray, ids: list[str]) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(lengths > 0.5))  # lengths are 1, 0 or NaN
    if len(wrong):
        is_zero = lengths[wrong[0]] == 0
        raise SaladError(
            f"the embedding of row '{ids[wrong[0]]}' is {'zero' if is_zero else 'not finite'} ({len(wrong)} rows)",
            "Take the text out of the pool (--reuse copies the embeddings that are finished), or give another embedder."
            if is_zero
            else "Give --embedder-dtype float32, or another embedder.",
        )
