"""The teacher cache: sparse next-token distributions of the text LLM, found by the tokens of the text.

A text of n tokens (the BOS token included, where the tokenizer sets one) has n - 1 positions: position i holds
the distribution of token i + 1 given tokens 0..i. Rows are found by the digest of their token ids, so one cache
serves every voice and every id that speaks the same text.

Per shard of R texts, N tokens and P = N - R positions: `token_ids` int32 [N] and `row_offsets` int64 [R + 1], the
texts; `position_offsets` int64 [R + 1], each text's positions; `kept_ids` int32 [P, k] and `kept_logprobs` float16
[P, k], the k most likely tokens in nats; `log_tail` float32 [P], the log of all others' mass. Beside it a Parquet
index of `digest`, `row` and `id`. Texts that were too long are listed in the manifest.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import safe_open
from safetensors.numpy import save_file

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, digest_bytes, written_aside

SCHEMA, VERSION = "teacher-cache", 1


@dataclass(frozen=True)
class CachedRow:
    """One text's distributions.

    Attributes:
        kept_ids: int32 [n - 1, k].
        kept_log_probs: float16 [n - 1, k], nats.
        log_tail: float32 [n - 1], nats: the mass of all other tokens.
    """

    kept_ids: np.ndarray
    kept_log_probs: np.ndarray
    log_tail: np.ndarray


def digest_tokens(token_ids: np.ndarray | list[int]) -> str:
    """The key of a text: SHA-256 over its token ids as little-endian int32."""
    return digest_bytes(np.asarray(token_ids, dtype="<i4").tobytes())


def write_cache_part(path: Path, ids: list[str], token_ids: list[np.ndarray], rows: list[CachedRow]) -> None:
    """Write one shard: the tensors at `path` (.safetensors), then the index beside it (.parquet).

    The tensors are those of the module's head.
    """
    lengths = np.array([len(tokens) for tokens in token_ids], dtype=np.int64)
    tensors = {
        "token_ids": np.concatenate(token_ids).astype(np.int32),
        "row_offsets": np.concatenate([[0], lengths.cumsum()]).astype(np.int64),
        "position_offsets": np.concatenate([[0], (lengths - 1).cumsum()]).astype(np.int64),
        "kept_ids": np.concatenate([row.kept_ids for row in rows]).astype(np.int32),
        "kept_logprobs": np.concatenate([row.kept_log_probs for row in rows]).astype(np.float16),
        "log_tail": np.concatenate([row.log_tail for row in rows]).astype(np.float32),
    }
    with written_aside(path) as aside:
        save_file(tensors, aside)
    index = pa.table(
        {
            "id": ids,
            "digest": [digest_tokens(tokens) for tokens in token_ids],
            "row": np.arange(len(ids), dtype=np.int32),
        }
    )
    with written_aside(path.with_suffix(".parquet")) as aside:
        pq.write_table(index, aside)


def read_log_tails(path: Path) -> np.ndarray:
    """`log_tail` of all positions of one shard, float32 [P]."""
    with safe_open(path, framework="numpy") as opened:
        return opened.get_tensor("log_tail")


class TeacherCache:
    """A complete teacher cache; distributions are read by memory map when they are asked for."""

    def __init__(self, path: str | Path):
        """Open the cache.

        Raises:
            SaladError: `path` is not a complete teacher cache.
        """
        self.artefact = Artefact.open(path, SCHEMA)
        self.identity: dict = self.artefact.manifest["identity"]
        self._offsets, self._kept, self._where = [], [], {}
        for part, tensors in enumerate(self.artefact.parts(".safetensors")):
            opened = safe_open(tensors, framework="numpy")
            self._offsets.append(opened.get_tensor("position_offsets"))
            self._kept.append([opened.get_slice(name) for name in ("kept_ids", "kept_logprobs", "log_tail")])
            index = pq.read_table(tensors.with_suffix(".parquet")).to_pydict()
            for digest, row in zip(index["digest"], index["row"], strict=True):
                self._where[digest] = (part, row)

    def check_tokenizer(self, digest: str, name: str) -> None:
        """Raise a SaladError unless the cache was made with the tokenizer of this digest."""
        if self.identity["tokenizer"] != digest:
            raise SaladError(
                f"{self.artefact.path} was made with another tokenizer than that of {name}",
                "Run `saladkit cache-teacher` with the text LLM that the model started from.",
            )

    def has(self, token_ids: np.ndarray | list[int]) -> bool:
        """Whether the distributions of this text are stored."""
        return digest_tokens(token_ids) in self._where

    def row(self, token_ids: np.ndarray | list[int]) -> CachedRow:
        """The distributions of a text.

        Raises:
            KeyError: the text is not in the cache; check with `has` first.
        """
        part, row = self._where[digest_tokens(token_ids)]
        begin, end = self._offsets[part][row : row + 2]
        return CachedRow(*(kept[begin:end] for kept in self._kept[part]))
