"""Fill a teacher cache part by part: copy the rows that earlier caches hold, compute the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from saladkit.background import InBackground
from saladkit.caching.earlier_caches import EarlierCaches
from saladkit.caching.running_teacher import RunningTeacher
from saladkit.formats.files import part_name
from saladkit.formats.teacher_cache import CachedRow, read_column, write_cache_part
from saladkit.rows.distinct_texts import DistinctTexts
from saladkit.teacher.encodings import to_rows

ROWS_PER_PART, TOKENS_PER_PART = 8192, 2**17  # 19 minutes at the 0.5B shape on two cores, 21 MB with --top-k 32


@dataclass(frozen=True)
class CachePart:
    """One part of a cache.

    Attributes:
        texts: id and token ids, int32 [n], of each text.
        files: names of the part's tensors (.safetensors) and of its index (.parquet).
    """

    texts: list[tuple[str, np.ndarray]]
    files: tuple[str, str]


def cache_parts(texts: DistinctTexts) -> list[CachePart]:
    """Divide texts among the parts of a cache."""
    parts = texts.parts(ROWS_PER_PART, TOKENS_PER_PART)
    return [
        CachePart(part, (part_name(index, len(parts), ".safetensors"), part_name(index, len(parts), ".parquet")))
        for index, part in enumerate(parts)
    ]


def fill_parts(
    parts: Iterable[CachePart],
    folder: Path,
    teacher: RunningTeacher,
    earlier: EarlierCaches,
    advance: Callable[[int], object],
) -> int:
    """Write parts into `folder`; returns how many positions were computed.

    The text LLM runs in this thread. Another thread brings its results from the device, cuts them into rows and writes
    them.

    Args:
        advance: called with the number of texts done since the last call.

    Raises:
        SaladError: the text LLM gives values that are not finite.
    """
    computed = 0
    with InBackground() as background:
        for part in parts:
            stored = [earlier.row(tokens) for _, tokens in part.texts]
            missing = [tokens for (_, tokens), row in zip(part.texts, stored, strict=True) if row is None]
            made: list[CachedRow] = []
            for batch in teacher.batches(missing):
                lengths = [len(tokens) for tokens in batch]
                background.put(_receive, made, teacher.encode(batch), teacher, lengths)
                computed += sum(lengths)
                advance(len(batch))
            advance(len(part.texts) - len(missing))
            background.put(_write, folder, part, stored, made, teacher.identity)
    return computed


def _receive(
    made: list[CachedRow], tensors: tuple[torch.Tensor, ...], teacher: RunningTeacher, lengths: list[int]
) -> None:
    made += to_rows(tensors, teacher.encoding, lengths)


def _write(
    folder: Path, part: CachePart, stored: list[CachedRow | None], made: list[CachedRow], identity: dict
) -> None:
    computed = iter(made)
    rows = [next(computed) if row is None else row for row in stored]
    ids, token_ids = [id_ for id_, _ in part.texts], [tokens for _, tokens in part.texts]
    write_cache_part(folder / part.files[0], ids, token_ids, rows, identity)


def kept_figures(parts: list[CachePart], folder: Path, keep: str) -> dict:
    """Return the mean probability of the tokens kept by a top k, or the mean number of distinct tokens of a sample."""
    name = "log_tail" if keep == "top-k" else "distinct"
    values = np.concatenate([read_column(folder / part.files[0], name) for part in parts]).astype(np.float64)
    if name == "distinct":
        return {"distinct_tokens": round(float(values.mean()), 2)}
    return {"kept_mass": round(float(1 - np.exp(values).mean()), 6)}
