"""The frames cache: every recording as the frames of a speech encoder's frozen front end, computed once.

A part holds F frames of R recordings: `codes` uint16 [F, codebooks] (Mimi) or `frames` float16 [F, width] (every other
encoder), and `row_offsets` int64 [R + 1], where each recording's frames begin. A Parquet index beside it has `id` and
`row`. The manifest's `identity` has `frames_per_second` and `encoder` (family, settings and digest of the weights); a
model that reads the frames must have the same encoder. Rows whose audio cannot be used are listed in the manifest's
`skipped`.
"""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.files import written_aside
from saladkit.formats.tables import read_index
from saladkit.formats.tensors import Tensors

SCHEMA, VERSION = "frames-cache", 1
INDEX = pa.schema([("id", pa.string()), ("row", pa.int32())])


def write_frames_part(path: Path, ids: list[str], rows: list[np.ndarray]) -> None:
    """Write one part: the recordings' frames, [F, width] each, at `path` (.safetensors) and the index (.parquet).

    There may be no recordings: then the tensor has no frames.
    """
    tensor = "codes" if rows and rows[0].dtype == np.uint16 else "frames"
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    joined = np.concatenate(rows or [np.zeros((0, 1), np.float16)])
    frames = np.ascontiguousarray(joined)  # safetensors ignores the strides of an array
    with written_aside(path) as aside:
        aside.write_bytes(save({tensor: frames, "row_offsets": offsets}))
    with written_aside(path.with_suffix(".parquet")) as aside:
        pq.write_table(pa.table([ids, np.arange(len(ids), dtype=np.int32)], schema=INDEX), aside)


def frames_in_part(path: Path) -> int:
    """Return the number of frames of one part (.safetensors)."""
    return int(Tensors(path).offsets("row_offsets")[-1])


class EncodedSpeech(ABC):
    """A complete cache of a speech encoder's output: of whole recordings, or of spans (`layouts_cache.py`)."""

    def __init__(self, path: str | Path, schema: str):
        """Open the cache.

        Raises:
            SaladError: `path` is not a complete cache of this schema.
        """
        self.artefact = Artefact.open(path, schema)
        self.identity: dict = self.artefact.identity_of({"encoder": dict, "frames_per_second": (int, float)})

    @abstractmethod
    def __contains__(self, id_: str) -> bool:
        """Return whether the cache holds a recording."""

    @abstractmethod
    def seconds(self, id_: str) -> float:
        """Return the length of a recording in s, which may be that of its frames."""

    def check_encoder(self, identity: dict, name: str) -> None:
        """Check that the frames were made by the speech encoder of this identity.

        Args:
            name: whose encoder it is, for the message.

        Raises:
            SaladError: they were made by another one.
        """
        made = self.identity["encoder"]
        if made != identity:
            other = [key for key in made | identity if made.get(key) != identity.get(key)]
            raise SaladError(
                f"{self.artefact.path} holds frames of another speech encoder than that of {name}"
                f" (other: {', '.join(other)})",
                "Run `saladkit cache-speech` with the same encoder settings.",
            )


class FramesCache(EncodedSpeech):
    """A complete frames cache; frames are read on demand, by memory map."""

    def __init__(self, path: str | Path):
        """Open the cache.

        Raises:
            SaladError: `path` is not a complete frames cache.
        """
        super().__init__(path, SCHEMA)
        self._frames, self._offsets, self._where = [], [], {}
        for part, tensors in enumerate(self.artefact.parts(".safetensors")):
            opened = Tensors(tensors)
            name = "frames" if "frames" in opened.names else "codes"
            self._frames.append((opened, name))
            self._offsets.append(opened.offsets("row_offsets", name))
            index = read_index(tensors, INDEX, len(self._offsets[-1]) - 1).to_pydict()
            for id_, row in zip(index["id"], index["row"], strict=True):
                self._where[id_] = (part, row)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._where

    def seconds(self, id_: str) -> float:
        """As `EncodedSpeech.seconds`."""
        return self.length(id_) / self.identity["frames_per_second"]

    def length(self, id_: str) -> int:
        """Return the number of frames of a recording.

        Raises:
            KeyError: the cache does not hold it.
        """
        part, row = self._where[id_]
        begin, end = self._offsets[part][row : row + 2]
        return int(end - begin)

    def row(self, id_: str) -> np.ndarray:
        """Return the frames of a recording, [F, width].

        Raises:
            KeyError: the cache does not hold it.
        """
        part, row = self._where[id_]
        begin, end = self._offsets[part][row : row + 2]
        opened, name = self._frames[part]
        return opened.rows(name, begin, end)
