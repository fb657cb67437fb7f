"""The weights of a model folder: `model.safetensors`, or shards with `model.safetensors.index.json`.

They are read and written one tensor at a time, because a model may be larger than the memory. The package safetensors
reads so; it writes only whole files at once, which is why `write_tensors` writes the format itself: 8 bytes of length
(little-endian), a JSON header with data type, shape and place of every tensor, then the data.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, safe_open

from saladkit.errors import SaladError
from saladkit.formats.json_text import parse_json

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4}  # by the format's names of data types
BYTES |= {"F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}
COMPLETE = "Give a complete checkpoint."


class Stored(NamedTuple):
    """The data type of a tensor, by the format's name (a key of `BYTES`), and its shape."""

    dtype: str
    shape: tuple[int, ...]


def read_shapes(folder: Path) -> dict[str, dict[str, Stored]]:
    """Read what each file of weights of a model folder holds, {file: {tensor: data type and shape}}.

    Raises:
        SaladError: there are no weights in this format, a shard is missing, a file is damaged, or a data type is
            unknown (such as one of 8 bits).
    """
    found = {}
    for name in _files(folder):
        try:
            with safe_open(folder / name, framework="np") as file:
                slices = {key: file.get_slice(key) for key in file.keys()}
                found[name] = {key: Stored(of.get_dtype(), tuple(of.get_shape())) for key, of in slices.items()}
        except (OSError, SafetensorError) as error:
            raise SaladError(f"{folder / name} cannot be read as weights: {error}", COMPLETE) from error
        for key, stored in found[name].items():
            if stored.dtype not in BYTES:
                raise SaladError(
                    f"{folder / name} has {key} of type {stored.dtype}", "Give weights in float32, bfloat16 or float16."
                )
    return found


def _files(folder: Path) -> list[str]:
    """Return the names of the files of weights, in order."""
    if (folder / WHOLE).is_file():
        return [WHOLE]
    if not (folder / INDEX).is_file():
        raise SaladError(f"{folder} has neither {WHOLE} nor {INDEX}", "Give a checkpoint with weights as safetensors.")
    try:
        return sorted({str(Path(name)) for name in parse_json((folder / INDEX).read_text())["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SaladError(f"{folder / INDEX} is no index of weights: {error!r}", COMPLETE) from error


def write_tensors(path: Path, shapes: Mapping[str, Stored], data: Callable[[str], Iterable[bytes]]) -> None:
    """Write a file of weights that transformers loads as PyTorch's.

    Args:
        shapes: data type and shape of each tensor.
        data: returns the bytes of a tensor in pieces, little-endian, the last index fastest.

    Raises:
        ValueError: `data` returns another number of bytes than the shape asks for.
    """
    # Large elements first, as the package does: every tensor is then aligned to the size of its elements.
    names = sorted(shapes, key=lambda name: (-BYTES[shapes[name].dtype], name))
    header: dict[str, dict] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in names:
        dtype, shape = shapes[name]
        begin, end = end, end + BYTES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    packed = json.dumps(header, separators=(",", ":")).encode()
    packed += b" " * (-len(packed) % 8)
    with open(path, "wb") as file:
        file.write(len(packed).to_bytes(8, "little") + packed)
        first = file.tell()
        for name in names:
            for piece in data(name):
                file.write(piece)
            if file.tell() - first != header[name]["data_offsets"][1]:
                raise ValueError(f"{name} has another number of bytes than its shape {shapes[name].shape} asks for")
