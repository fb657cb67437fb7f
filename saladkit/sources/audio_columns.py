"""Bring audio columns of any kind to one: the content of a file, or a path that counts from the table it stands in."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile

from saladkit.errors import SaladError
from saladkit.formats.samples import AUDIO, AUDIO_COLUMNS, is_text, with_paths

_ARRAY, _RATE = ("array", "raw", "waveform"), ("sampling_rate", "sample_rate")
_ROWS_AT_ONCE = 64  # whose recordings may be in memory twice
_MOST_HZ = 2**31 - 1  # that libsndfile writes; what is no rate is stored as 0 Hz, which no reader of audio accepts
_ANY_HZ, _PLACE_OF_HZ = 16_000, slice(24, 28)  # in the header of a WAV file
_ACCEPTED = "Write audio as a path, as {bytes, path}, or as {array, sampling_rate}: the samples, and their rate in Hz."


def with_stored_audio(table: pa.Table, where: str, folder: Path | None) -> pa.Table:
    """Return the table with the type `AUDIO` in its audio columns.

    Args:
        where: path of the table, for errors.
        folder: of the table, from which relative paths count; None for paths that a reader has completed.

    Raises:
        SaladError: a column holds audio in a form that is not known.
    """
    for column in AUDIO_COLUMNS:
        if column in table.column_names:
            values = stored_audio(table.column(column), f"{where}: the column '{column}'", folder)
            table = table.set_column(table.column_names.index(column), column, values)
    return table


def stored_audio(values: pa.ChunkedArray, title: str, folder: Path | None) -> pa.ChunkedArray:
    """Return recordings, or lists of recordings, of any form as the type `AUDIO`.

    Args:
        title: what an error calls the values.
        folder: from which relative paths count; None leaves paths as they are.

    Raises:
        SaladError: the form is not known.
    """
    kind = values.type
    if pa.types.is_null(kind):
        return values
    if _is_list(kind) and not _is_number(kind.value_type):
        chunks = [_stored_lists(chunk, title, folder) for chunk in values.chunks]
        return pa.chunked_array(chunks, pa.list_(AUDIO))
    if kind == AUDIO:  # contents are not copied
        return values if folder is None else with_paths(values, lambda path: str(folder / path))
    convert = _converter(kind, title, folder)
    pieces = (chunk.slice(at, _ROWS_AT_ONCE) for chunk in values.chunks for at in range(0, len(chunk), _ROWS_AT_ONCE))
    stored = (pa.array([convert(value) if value.is_valid else None for value in piece], AUDIO) for piece in pieces)
    return pa.chunked_array(list(stored), AUDIO)


def _stored_lists(chunk: pa.Array, title: str, folder: Path | None) -> pa.Array:
    """Return lists of recordings, one list a row."""
    inside = stored_audio(pa.chunked_array([chunk.flatten()]), title, folder).combine_chunks()
    lengths = [length or 0 for length in chunk.value_lengths().to_pylist()]
    offsets = pa.array(np.cumsum([0, *lengths]), pa.int32())
    return pa.ListArray.from_arrays(offsets, inside.cast(AUDIO), mask=chunk.is_null())


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _converter(kind: pa.DataType, title: str, folder: Path | None) -> Callable[[pa.Scalar], dict | None]:
    """Return what makes a row of `AUDIO` of a value that is not null."""
    if is_text(kind):
        return lambda value: _audio(None, value.as_py(), folder)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return lambda value: _audio(value.as_py(), None, folder)
    names = [field.name for field in kind] if pa.types.is_struct(kind) else []
    array, rate = (next((name for name in known if name in names), None) for known in (_ARRAY, _RATE))

    def of_struct(value: pa.Scalar) -> dict | None:
        content = value["bytes"].as_py() if "bytes" in names else None
        if content is None and array and rate and value[array].is_valid and value[rate].is_valid:
            content = _wav(value[array], value[rate].as_py())
        return _audio(content, value["path"].as_py() if "path" in names else None, folder)

    holds_samples = bool(array and rate) and _are_samples(kind.field(array).type)
    if holds_samples or (not (array and rate) and ("bytes" in names or "path" in names)):
        return of_struct
    raise SaladError(f"{title} is {kind}, which is no audio that can be read", _ACCEPTED)


def _audio(content: bytes | None, path: str | None, folder: Path | None) -> dict | None:
    """Return audio as it is stored: a path is completed by the folder, unless there is the content."""
    if content is None and path and folder is not None:
        path = str(folder / path)
    return {"bytes": content, "path": path} if content is not None or path else None


def _are_samples(kind: pa.DataType) -> bool:
    """Whether values of a type may be decoded audio: lists of numbers, or lists of such lists, of channels."""
    if not _is_list_of_any_size(kind):
        return pa.types.is_null(kind)
    inside = kind.value_type
    of_channel = inside.value_type if _is_list_of_any_size(inside) else inside
    return pa.types.is_null(of_channel) or _is_number(of_channel)


def _is_list_of_any_size(kind: pa.DataType) -> bool:
    return _is_list(kind) or pa.types.is_fixed_size_list(kind)


def _wav(array: Any, rate: Any) -> bytes:
    """Return decoded samples as WAV: [n], [channels, n] or [n, channels]; floats as floats, at whatever scale.

    Missing samples become NaN and an invalid rate becomes 0 Hz, so that decoding reports the row.
    """
    samples = _samples(array)
    if samples.ndim == 2 and len(samples) < samples.shape[1]:
        samples = samples.T
    exact = samples.dtype == np.int16 or (samples.dtype == np.int32 and np.abs(samples).max(initial=0) > 1 << 15)
    subtype = f"PCM_{8 * samples.dtype.itemsize}" if exact else "FLOAT"
    hertz = round(rate) if isinstance(rate, int | float) and 0.5 < rate <= _MOST_HZ else 0
    content = BytesIO()
    samples = samples if exact else samples.astype(np.float32)
    soundfile.write(content, samples, hertz or _ANY_HZ, format="WAV", subtype=subtype)
    if not hertz:
        content.getbuffer()[_PLACE_OF_HZ] = bytes(4)
    return content.getvalue()


def _samples(array: Any) -> np.ndarray:
    """Return samples as they are stored; those of 8 bits, and unsigned ones of 16, as floats in [-1, 1]."""
    if _is_list_of_any_size(array.type.value_type):
        channels = [_numbers(row.values) for row in array]
        longest = max(map(len, channels), default=0)
        if any(len(channel) < longest for channel in channels):
            missing = (np.full(longest - len(channel), np.nan) for channel in channels)
            channels = [np.concatenate([channel, rest]) for channel, rest in zip(channels, missing, strict=True)]
        samples = np.stack(channels) if channels else np.zeros(0, np.float32)
    else:
        samples = _numbers(array.values)
    if samples.dtype not in (np.int8, np.uint8, np.uint16):
        return samples
    half = 1 << (8 * samples.dtype.itemsize - 1)
    return (samples.astype(np.float32) - (half if samples.dtype.kind == "u" else 0)) / half


def _numbers(values: pa.Array | None) -> np.ndarray:
    """Return numbers as numpy has them; missing ones are NaN."""
    if values is None or pa.types.is_null(values.type):
        return np.full(len(values or ()), np.nan)
    return values.to_numpy(zero_copy_only=False)
