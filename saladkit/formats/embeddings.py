"""Embeddings of texts on disk: shards of `embeddings` float16 [n, D], each row of length 1 as its model made it.

Next to each safetensors shard stands a Parquet index with the `digest` of every text, so that a later run can take the
vectors of texts that it has in common and embed only the rest. Readers map a shard into memory and never hold it whole.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from saladkit.formats.files import written_aside

TENSOR = "embeddings"
DIGEST = pa.binary(16)


def text_digest(text: str) -> bytes:
    """What two texts have in common if and only if they are the same: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def write_embeddings_part(path: Path, digests: list[bytes], vectors: np.ndarray) -> None:
    """Write one shard: float16 [n, D] at `path` (.safetensors), behind the digests beside it (.parquet)."""
    with written_aside(path.with_suffix(".parquet")) as aside:
        pq.write_table(pa.table({"digest": pa.array(digests, DIGEST)}), aside)
    with written_aside(path) as aside:
        save_file({TENSOR: np.ascontiguousarray(vectors, dtype=np.float16)}, aside)


def map_embeddings_part(path: Path) -> np.ndarray:
    """One shard as float16 [n, D], mapped: https://huggingface.co/docs/safetensors says where a tensor lies."""
    with open(path, "rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        entry = json.loads(stream.read(header_bytes))[TENSOR]
    begin = 8 + header_bytes + entry["data_offsets"][0]
    return np.memmap(path, dtype=np.float16, mode="r", offset=begin, shape=tuple(entry["shape"]))


def read_digests(path: Path) -> pa.ChunkedArray:
    """The digests of the texts of one shard (.safetensors), in its order."""
    return pq.read_table(path.with_suffix(".parquet")).column("digest")
