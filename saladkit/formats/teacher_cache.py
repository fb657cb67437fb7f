"""The teacher cache: sparse next-token distributions of the text LLM, by the token ids of the text.

A text of n tokens, BOS included if the tokenizer sets one, has n positions: position i has the distribution of what
follows tokens 0..i, the last one of what follows the text. A text is looked up by the digest of its token ids, so that
one cache serves all rows and voices with the same text.

A part holds R texts with P positions together. `position_offsets` int64 [R + 1] is where each text's positions begin.
The manifest's `identity` says how to read the other tensors: `keep`, `vocabulary` (V), and `top_k` (k) or `draws` (at
most 255). `chat_template` is the SHA-256 of the chat template that laid out the conversations, if there are any.

`keep: top-k`, the most probable tokens of each position:

- `kept_ids` uint16 [P, k]: low 16 bits of the token ids; `kept_ids_high` uint8 [P, k]: the bits above, if V > 65,536
- `kept_logprobs` float16 [P, k]: log-probabilities in nats
- `log_tail` float32 [P]: log of the summed probability of all other tokens

`keep: sampled`, random draws from each position's distribution:

- `distinct` uint8 [P]: number of different tokens drawn
- `kept_codes` uint8 [K, w]: a code for each of them, position after position, ids ascending. The code is
  (count - 1) * V + id, little-endian, in as many bytes w as V * draws needs.
- `kept_offsets` int64 [R + 1]: where each text's codes begin
- `label_logprobs` float16 [P - R]: log-probability of the text's own next token at each position but the text's last;
  those of text r begin at `position_offsets[r] - r`. What follows a text is not part of the text: the same tokens may
  be a document, which ends, and a piece of another document, which goes on.

Beside each part is a Parquet index of `id`, `digest` (SHA-256 of the token ids as little-endian int32) and `row`. The
manifest lists texts that were left out.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.files import written_aside
from saladkit.formats.tables import read_index
from saladkit.formats.tensors import Tensors

SCHEMA, VERSION = "teacher-cache", 3
INDEX = pa.schema([("id", pa.string()), ("digest", pa.binary(32)), ("row", pa.int32())])


@dataclass(frozen=True)
class TopKRow:
    """The top k of one text of p tokens.

    Attributes:
        kept_ids: int32 [p, k], most probable first.
        kept_log_probs: float16 [p, k], nats.
        log_tail: float32 [p], nats.
    """

    kept_ids: np.ndarray
    kept_log_probs: np.ndarray
    log_tail: np.ndarray


@dataclass(frozen=True)
class SampledRow:
    """The draws of one text of p tokens.

    Attributes:
        distinct: uint8 [p], number of different tokens at each position.
        kept_ids, counts: int32 [K] and uint8 [K], the drawn tokens and how often, position after position.
        label_log_probs: float16 [p - 1], nats.
    """

    distinct: np.ndarray
    kept_ids: np.ndarray
    counts: np.ndarray
    label_log_probs: np.ndarray


CachedRow = TopKRow | SampledRow


def digest_tokens(token_ids: np.ndarray | list[int]) -> bytes:
    """Return the digest of a text: SHA-256 of its token ids as little-endian int32."""
    return hashlib.sha256(np.asarray(token_ids, dtype="<i4").tobytes()).digest()


def write_cache_part(
    path: Path, ids: list[str], token_ids: list[np.ndarray], rows: list[CachedRow], identity: dict
) -> None:
    """Write one part: the tensors at `path` (.safetensors), and then the index beside it (.parquet).

    Args:
        ids, token_ids, rows: id, tokens int32 [n] and distributions of each text.
        identity: identity of the cache, as in the manifest.
    """
    lengths = [len(tokens) for tokens in token_ids]
    if identity["keep"] == "top-k":
        packed = _pack_top_k(cast("list[TopKRow]", rows), identity)
    else:
        packed = _pack_samples(cast("list[SampledRow]", rows), identity)
    tensors = {"position_offsets": _offsets(lengths)} | packed
    with written_aside(path) as aside:
        aside.write_bytes(save(tensors))
    columns = [ids, [digest_tokens(tokens) for tokens in token_ids], np.arange(len(ids), dtype=np.int32)]
    with written_aside(path.with_suffix(".parquet")) as aside:
        pq.write_table(pa.table(columns, schema=INDEX), aside)


def _offsets(lengths: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _pack_top_k(rows: list[TopKRow], identity: dict) -> dict[str, np.ndarray]:
    ids = np.concatenate([row.kept_ids for row in rows])
    high = {"kept_ids_high": (ids >> 16).astype(np.uint8)} if identity["vocabulary"] > 2**16 else {}
    return high | {
        "kept_ids": (ids & 0xFFFF).astype(np.uint16),
        "kept_logprobs": np.concatenate([row.kept_log_probs for row in rows]).astype(np.float16),
        "log_tail": np.concatenate([row.log_tail for row in rows]).astype(np.float32),
    }


def _pack_samples(rows: list[SampledRow], identity: dict) -> dict[str, np.ndarray]:
    ids, counts = (np.concatenate([getattr(row, name) for row in rows]) for name in ("kept_ids", "counts"))
    codes = (counts.astype("<i8") - 1) * identity["vocabulary"] + ids
    return {
        "distinct": np.concatenate([row.distinct for row in rows]).astype(np.uint8),
        "kept_codes": codes[:, None].view(np.uint8)[:, : code_bytes(identity)].copy(),
        "kept_offsets": _offsets([len(row.kept_ids) for row in rows]),
        "label_logprobs": np.concatenate([row.label_log_probs for row in rows]).astype(np.float16),
    }


def code_bytes(identity: dict) -> int:
    """Return the number of bytes of a drawn token's code: 3 for 50 draws from 151,936 tokens."""
    return -(-(identity["vocabulary"] * identity["draws"] - 1).bit_length() // 8)


def read_column(path: Path, name: str) -> np.ndarray:
    """Read one tensor of one part.

    Raises:
        SaladError: the part is damaged, or has no such tensor.
    """
    return Tensors(path).whole(name)


def predicted_bytes(identity: dict, rows: int, positions: int, distinct: float) -> int:
    """Estimate the size of a cache.

    Args:
        rows, positions: number of texts and of positions.
        distinct: mean number of different tokens per position, if they are drawn.
    """
    if identity["keep"] == "top-k":
        each = identity["top_k"] * (5 if identity["vocabulary"] > 2**16 else 4) + 4
    else:
        each = distinct * code_bytes(identity) + 3
    return round(positions * each + rows * 64)  # offsets, digest, id


@dataclass(frozen=True)
class _Shard:
    """One open part; `tensors` are read by memory map when they are sliced."""

    offsets: dict[str, np.ndarray]
    tensors: Tensors

    @classmethod
    def open(cls, path: Path, *, sampled: bool) -> "_Shard":
        tensors = Tensors(path)
        if sampled:
            found: dict[str, tuple[str, ...]] = {"position_offsets": ("distinct",), "kept_offsets": ("kept_codes",)}
        else:
            high = [name for name in ("kept_ids_high",) if name in tensors.names]
            found = {"position_offsets": ("kept_ids", "kept_logprobs", "log_tail", *high)}
        return cls({name: tensors.offsets(name, *of) for name, of in found.items()}, tensors)

    def slices(self, offsets: str, row: int, names: tuple[str, ...]) -> list[np.ndarray]:
        begin, end = self.offsets[offsets][row : row + 2]
        return [self.tensors.rows(name, begin, end) for name in names]


class TeacherCache:
    """A complete teacher cache; distributions are read on demand, by memory map."""

    def __init__(self, path: str | Path):
        """Open the cache.

        Raises:
            SaladError: `path` is not a complete teacher cache, or a file of it is damaged.
        """
        self.artefact = Artefact.open(path, SCHEMA, VERSION)
        self.identity: dict = self.artefact.identity_of({"keep": str, "vocabulary": int, "tokenizer": str})
        self._shards, self._where = [], {}
        for part, tensors in enumerate(self.artefact.parts(".safetensors")):
            shard = _Shard.open(tensors, sampled=self.sampled)
            self._shards.append(shard)
            index = read_index(tensors, INDEX, len(shard.offsets["position_offsets"]) - 1).to_pydict()
            for digest, row in zip(index["digest"], index["row"], strict=True):
                self._where[digest] = (part, row)

    @property
    def name(self) -> str:
        """The path, for messages."""
        return str(self.artefact.path)

    @property
    def sampled(self) -> bool:
        """Whether rows are SampledRow rather than TopKRow."""
        return self.identity["keep"] == "sampled"

    def check_tokenizer(self, digest: str, name: str) -> None:
        """Check that the cache was made with the tokenizer of this digest.

        Args:
            name: whose tokenizer it is, for the message.

        Raises:
            SaladError: the cache was made with another one.
        """
        if self.identity["tokenizer"] != digest:
            raise SaladError(
                f"{self.artefact.path} was made with another tokenizer than that of {name}",
                "Run `saladkit cache-teacher` with the text LLM from which the model was trained.",
            )

    def check_chat_template(self, digest: str, name: str) -> None:
        """Check that conversations in the cache were laid out by the chat template of this digest.

        Args:
            name: whose template it is, for the message.

        Raises:
            SaladError: the cache was made by another template, or holds no conversations.
        """
        stored = self.identity.get("chat_template")
        if stored != digest:
            what = "holds no conversations" if stored is None else "has conversations laid out by another chat template"
            raise SaladError(
                f"{self.artefact.path} {what}, and the training data lays them out by that of {name}",
                "Run `saladkit cache-teacher` on the conversations with the text LLM that is trained, its tokenizer as"
                " it is.",
            )

    def has(self, token_ids: np.ndarray | list[int]) -> bool:
        """Return whether the cache holds this text."""
        return digest_tokens(token_ids) in self._where

    def row(self, token_ids: np.ndarray | list[int]) -> CachedRow:
        """Return the distributions of a text.

        Raises:
            KeyError: the cache does not hold the text; check with `has` first.
        """
        part, row = self._where[digest_tokens(token_ids)]
        read = self._read_samples if self.sampled else self._read_top_k
        return read(self._shards[part], row)

    def _read_top_k(self, shard: _Shard, row: int) -> TopKRow:
        low, log_probs, tail = shard.slices("position_offsets", row, ("kept_ids", "kept_logprobs", "log_tail"))
        ids = low.astype(np.int32)
        if "kept_ids_high" in shard.tensors.names:
            (high,) = shard.slices("position_offsets", row, ("kept_ids_high",))
            ids |= high.astype(np.int32) << 16
        return TopKRow(ids, log_probs, tail)

    def _read_samples(self, shard: _Shard, row: int) -> SampledRow:
        (distinct,) = shard.slices("position_offsets", row, ("distinct",))
        begin, end = shard.offsets["position_offsets"][row : row + 2] - [row, row + 1]
        (packed,) = shard.slices("kept_offsets", row, ("kept_codes",))
        wide = np.zeros((len(packed), 8), dtype=np.uint8)
        wide[:, : packed.shape[1]] = packed
        counts, ids = np.divmod(wide.view("<i8")[:, 0], self.identity["vocabulary"])
        labels = shard.tensors.rows("label_logprobs", begin, end)
        return SampledRow(distinct, ids.astype(np.int32), (counts + 1).astype(np.uint8), labels)
