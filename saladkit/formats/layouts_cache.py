"""The layouts cache: lists of text and speech spans, drawn ahead for each row, with every speech span encoded alone.

It is what `cache-speech --layouts` makes for speech encoders that look ahead: in a frames cache, their frames of a span
also depend on the words behind it, which the model is to predict. Here a span's frames depend on its own audio alone.

A part holds F frames of S speech spans: `frames` float16 [F, width], and `span_offsets` int64 [S + 1], where each
span's frames begin. A Parquet index beside it has one line for each layout of a row, or of a piece of a row that was
split:

- `id`; `digest`: SHA-256 of the token ids of the row or piece, as in the teacher cache; `layout`: its number, from 0
- `heard` list<bool>: whether each span is speech
- `ends` list<int32>: the word before which each span ends, from the beginning of the row or piece
- `span`: where the layout's first speech span is among those of the part; the others follow it
- `seconds`: length of the row's recording

The manifest's `identity` has `frames_per_second` and `encoder` as in the frames cache, `layouts` (their number),
`interleaving` (`text_words`, `speech_words`, `text_first`, `whole_turns`) and the digest of the `tokenizer`. Rows
without layouts are listed in `skipped`.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors.numpy import save

from saladkit.formats.artefact import MANIFEST, PLAN
from saladkit.formats.files import written_aside
from saladkit.formats.frames_cache import EncodedSpeech
from saladkit.formats.records import damaged, read_record
from saladkit.formats.tables import read_table
from saladkit.formats.tensors import Tensors

SCHEMA, VERSION = "layouts-cache", 1
INDEX = pa.schema(
    [
        ("id", pa.string()),
        ("digest", pa.binary(32)),
        ("layout", pa.int32()),
        ("heard", pa.list_(pa.bool_())),
        ("ends", pa.list_(pa.int32())),
        ("span", pa.int64()),
        ("seconds", pa.float64()),
    ]
)


@dataclass(frozen=True)
class StoredLayout:
    """One layout of a row, to be written.

    Attributes:
        heard: whether each span is speech.
        ends: the word before which each span ends.
        frames: frames of the speech spans, in order, float16 [F, width] each.
    """

    heard: list[bool]
    ends: list[int]
    frames: list[np.ndarray]


@dataclass(frozen=True)
class LayoutBounds:
    """Where the spans of a stored layout lie.

    Attributes:
        heard, ends: as in `StoredLayout`.
        part: number of the part that has its frames.
        offsets: where the frames of each speech span begin in the part; and where the last ones end.
    """

    heard: list[bool]
    ends: list[int]
    part: int
    offsets: list[int]


def write_layouts_part(path: Path, rows: list[tuple[str, bytes, float, list[StoredLayout]]]) -> None:
    """Write one part: the frames at `path` (.safetensors), and the index beside it (.parquet).

    Args:
        rows: id, digest, seconds and layouts of each row or piece.
    """
    lines, spans = [], list[np.ndarray]()
    for id_, digest, seconds, layouts in rows:
        for number, layout in enumerate(layouts):
            lines.append((id_, digest, number, layout.heard, layout.ends, len(spans), seconds))
            spans += layout.frames
    offsets = np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64)
    frames = np.ascontiguousarray(np.concatenate(spans or [np.zeros((0, 1), np.float16)]))
    with written_aside(path) as aside:
        aside.write_bytes(save({"frames": frames, "span_offsets": offsets}))
    columns = [pa.array(column, kind) for column, kind in zip(zip(*lines, strict=True), INDEX.types, strict=True)]
    with written_aside(path.with_suffix(".parquet")) as aside:
        pq.write_table(pa.Table.from_arrays(columns, schema=INDEX) if lines else INDEX.empty_table(), aside)


def holds_layouts(path: str | Path) -> bool:
    """Return whether `path` is a layouts cache, complete or not."""
    records = [Path(path) / name for name in (MANIFEST, PLAN)]
    return any(record.is_file() and read_record(record).get("schema") == SCHEMA for record in records)


def frames_in_part(path: Path) -> int:
    """Return the number of frames of one part (.safetensors)."""
    return int(Tensors(path).offsets("span_offsets")[-1])


class LayoutsCache(EncodedSpeech):
    """A complete layouts cache; frames are read on demand, by memory map."""

    def __init__(self, path: str | Path):
        """Open the cache.

        Raises:
            SaladError: `path` is not a complete layouts cache.
        """
        super().__init__(path, SCHEMA)
        self.layouts: int = self.artefact.identity_of({"layouts": int})["layouts"]
        self._frames, self._offsets, self._index = [], [], list[pa.Table]()
        self._where: dict[tuple[str, bytes], tuple[int, int]] = {}  # part, and line of layout 0
        self._seconds: dict[str, float] = {}
        for part, tensors in enumerate(self.artefact.parts(".safetensors")):
            self._frames.append(Tensors(tensors))
            self._offsets.append(self._frames[-1].offsets("span_offsets", "frames"))
            index = read_table(tensors.with_suffix(".parquet"), INDEX)
            _check_index(tensors.with_suffix(".parquet"), index, self.layouts, len(self._offsets[-1]) - 1)
            self._index.append(index.select(["heard", "ends", "span"]))
            keys = index.select(["id", "digest", "seconds"]).to_pylist()[:: self.layouts]
            self._where |= {(row["id"], row["digest"]): (part, self.layouts * at) for at, row in enumerate(keys)}
            self._seconds |= {row["id"]: row["seconds"] for row in keys}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._seconds

    def seconds(self, id_: str) -> float:
        """As `EncodedSpeech.seconds`."""
        return self._seconds[id_]

    def has(self, id_: str, digest: bytes) -> bool:
        """Return whether the cache holds layouts of a row or piece of this id and of these tokens."""
        return (id_, digest) in self._where

    def bounds(self, id_: str, digest: bytes, number: int) -> LayoutBounds:
        """Return the spans of one layout of a row or piece.

        Raises:
            KeyError: the cache does not hold it.
        """
        part, first = self._where[id_, digest]
        (line,) = self._index[part].slice(first + number, 1).to_pylist()
        offsets = self._offsets[part][line["span"] : line["span"] + sum(line["heard"]) + 1].tolist()
        return LayoutBounds(line["heard"], line["ends"], part, offsets)

    def frames(self, bounds: LayoutBounds) -> list[np.ndarray]:
        """Return the frames of the speech spans of a layout, in order, float16 [F, width] each."""
        return [self._frames[bounds.part].rows("frames", begin, end) for begin, end in pairwise(bounds.offsets)]


def _check_index(path: Path, index: pa.Table, layouts: int, spans: int) -> None:
    """Check that an index has all layouts of each row, and that the spans of each are among those of the part."""
    heard, ends = index.column("heard"), index.column("ends")
    flat = pc.list_flatten(heard)
    columns = [*index.columns, flat, pc.list_flatten(ends)]
    if any(column.null_count for column in columns) or index.num_rows % layouts:
        raise damaged(path, "values are missing")
    begins, is_heard = index.column("span").to_numpy(), flat.to_numpy().astype(bool)
    spoken = np.bincount(pc.list_parent_indices(heard).to_numpy()[is_heard], minlength=len(begins))
    if len(begins) and (begins.min() < 0 or (begins + spoken).max() > spans):
        raise damaged(path, f"it names spans that {path.stem}.safetensors does not have")
    if pc.list_value_length(heard) != pc.list_value_length(ends):
        raise damaged(path, "spans have no ends")
