"""Embeddings of texts: parts with `embeddings` float16 [n, D], rows of length 1 as the embedder made them.

Beside each safetensors file is a Parquet index with the `digest` of every text, so that a later run can copy the
vectors of texts that it shares and embed only the others, and with the `characters_read` of it: where a text is longer
than the embedder's limit, its vector is of these characters alone; else -1, `WHOLE`. A part is memory-mapped, never
read as a whole.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save

from saladkit.formats.files import written_aside
from saladkit.formats.records import damaged
from saladkit.formats.tables import read_table
from saladkit.formats.tensors import Tensors

TENSOR = "embeddings"
WHOLE = -1  # characters read, of a text that was read whole
INDEX = pa.schema([("digest", pa.binary(16)), ("characters_read", pa.int32())])


def text_digest(text: str) -> bytes:
    """Return the digest of a text: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def write_embeddings_part(path: Path, digests: list[bytes], characters_read: np.ndarray, vectors: np.ndarray) -> None:
    """Write one part: the index (.parquet), and then the vectors float16 [n, D] at `path` (.safetensors)."""
    with written_aside(path.with_suffix(".parquet")) as aside:
        pq.write_table(pa.table([digests, characters_read.astype(np.int32)], schema=INDEX), aside)
    with written_aside(path) as aside:
        aside.write_bytes(save({TENSOR: np.ascontiguousarray(vectors, dtype=np.float16)}))


def map_embeddings_part(path: Path) -> np.ndarray:
    """Map the vectors of one part into memory, float16 [n, D].

    The format of safetensors says where a tensor begins: 8 bytes of length, the header, then the data.

    Raises:
        SaladError: the part is damaged.
    """
    stored = Tensors(path)  # which checks the header
    if stored.kind(TENSOR) != ("F16", 2):
        raise damaged(path, f"'{TENSOR}' is no float16 [n, D]")
    with open(path, "rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        entry = json.loads(stream.read(header_bytes))[TENSOR]
    begin, shape = 8 + header_bytes + entry["data_offsets"][0], tuple(entry["shape"])
    if not math.prod(shape):  # nothing can be mapped
        return np.zeros(shape, np.float16)
    return np.memmap(path, dtype=np.float16, mode="r", offset=begin, shape=shape)


def read_index(path: Path) -> pa.Table:
    """Read the rows of `INDEX` of one part (.safetensors), in its order.

    Raises:
        SaladError: the index is damaged.
    """
    index = read_table(path.with_suffix(".parquet"), INDEX)
    if index.num_rows != Tensors(path).length(TENSOR):
        raise damaged(path.with_suffix(".parquet"), f"it has {index.num_rows} rows, not those of {path.name}")
    return index
