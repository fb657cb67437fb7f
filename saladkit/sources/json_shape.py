"""Check JSON lines for what ends the process with a segmentation fault in pyarrow's parser.

pyarrow 26 does so at 20,000 levels (it reads 5,000), and where `null` stands before the first object. An object may go
over several lines.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError

DEEPEST = 100  # levels, far above any table's
_STRING = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"?')
_ALL_BUT = bytes(set(range(256)) - set(b"[]{}n"))
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1
_AT_ONCE = 2**24  # bytes


def check_shape(path: Path) -> None:
    """Check that no row of a file of JSON is null, and that none is nested more deeply than `DEEPEST` levels.

    Raises:
        SaladError: a row is.
        OSError: the file cannot be read.
    """
    depth = 0
    for lines in _blocks_of_lines(path):
        marks = np.frombuffer(_STRING.sub(b"", lines).translate(None, _ALL_BUT), np.uint8)
        depths = depth + np.cumsum(_STEPS[marks], dtype=np.int64)
        if depths.max(initial=0) > DEEPEST:
            raise SaladError(
                f"{path} is nested more deeply than {DEEPEST} levels", "Write rows of plain values, lists and objects."
            )
        if (depths[marks == ord("n")] <= 0).any():
            raise SaladError(f"{path} has a row that is null", "Write one JSON object on each line.")
        depth = int(depths[-1]) if len(depths) else depth


def _blocks_of_lines(path: Path) -> Iterator[bytes]:
    """Yield a file in blocks that end where a line does."""
    rest = b""
    with pa.OSFile(str(path)) as stream:
        while block := stream.read(_AT_ONCE):
            lines, newline, rest = (rest + block).rpartition(b"\n")
            yield lines + newline
    yield rest
