"""Read WAV files whose header does not tell how long they are.

A program that writes a WAV while it speaks does not know the length when it writes the header: espeak-ng and sox write
0x7FFFF000, ffmpeg and OpenAI's servers 0xFFFFFFFF, others 0, and a recorder that is killed leaves whatever stood there.
libsndfile reads as many samples as the header says, and none if it says 0.
"""

import os
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from saladkit.speech.audio.damage import TOLERANCE, DamagedAudio

UNKNOWN_FROM = 0x7FFF_0000  # bytes of samples: 2 GB and more mean "until the end"
_HEAD, _CHUNK = 12, 8
_MP3 = b"\x55\0"  # code of the format


def wav_recordings(stream: BinaryIO) -> list[bytes] | None:
    """Return the recordings that follow one another in a WAV file, each with its true length in its header.

    Returns:
        None if libsndfile reads the file to its end as it is, or if it ends before its header says.

    Raises:
        DamagedAudio: samples are left behind those that the header counts.
    """
    total = stream.seek(0, os.SEEK_END)
    found: list[bytes] = []
    begin = 0
    while begin < total:
        one, begin = _recording(stream, begin, total)
        if one is None:
            return None
        found.append(one)
    return found


def bytes_missing(content: bytes) -> tuple[int, int] | None:
    """Return how many bytes of samples a WAV file has and how many its header states, if those are more."""
    found = _samples(BytesIO(content), 0, len(content)) if content[:4] == b"RIFF" else None
    there = len(content) - found.begin if found else 0
    return (there, found.size) if found and there < found.size < UNKNOWN_FROM else None


@dataclass(frozen=True)
class _Samples:
    """Where the samples of a recording begin, and how many bytes its header states."""

    begin: int
    size: int
    bytes_per_second: int
    is_mp3: bool


def mp3_inside(stream: BinaryIO) -> bytes | None:
    """Return the MP3 that a WAV file holds as its samples; None if they are samples.

    Raises:
        DamagedAudio: the file ends before its header says.
    """
    total = stream.seek(0, os.SEEK_END)
    found = _samples(stream, 0, total)
    if found is None or not found.is_mp3:
        return None
    there = total - found.begin
    if there < found.size < UNKNOWN_FROM and found.size - there > TOLERANCE * found.bytes_per_second:
        raise DamagedAudio(f"was cut short: it ends after {there} of {found.size} bytes")
    return _read(stream, found.begin, min(found.size, there) or there)


def _samples(stream: BinaryIO, start: int, total: int) -> _Samples | None:
    place, bytes_per_second, is_mp3 = start + _HEAD, 0, False
    while place + _CHUNK <= total:
        kind, size, begin = _read(stream, place, 4), _read_number(stream, place + 4), place + _CHUNK
        if kind == b"data":
            return _Samples(begin, size, bytes_per_second, is_mp3)
        if kind == b"fmt ":
            is_mp3 = _read(stream, begin, 2) == _MP3
            bytes_per_second = _read_number(stream, begin + 8)
        place = begin + size + size % 2
    return None


def _recording(stream: BinaryIO, start: int, total: int) -> tuple[bytes | None, int]:
    """Return the recording that begins at `start`, None if it is good as it is, and where the next one begins."""
    found, riff_size = _samples(stream, start, total), _read_number(stream, start + 4)
    if found is None:
        return None, total
    is_whole = riff_size == total - start - _CHUNK
    followed = found.begin >= total or _is_chunk(stream, found.begin, total)
    is_empty = (is_whole and followed) or _begins(stream, found.begin)
    if found.size >= UNKNOWN_FROM or (found.size == 0 and not is_empty):
        return _with_lengths(_read(stream, start, total - start), found.begin - start), total
    end = _end_of_chunks(stream, found, total)
    return (None if start == 0 and end >= total else _read(stream, start, end - start)), end


def _end_of_chunks(stream: BinaryIO, samples: _Samples, total: int) -> int:
    """Return where the chunks behind the samples end: at the next recording, or at the end of the file."""
    place = samples_end = samples.begin + samples.size
    place += (place % 2) if _is_chunk(stream, place + place % 2, total) else 0
    while place < total:
        if _begins(stream, place):
            return place
        if not _is_chunk(stream, place, total):
            break
        size = _read_number(stream, place + 4)
        place += _CHUNK + size + size % 2
    left = total - place
    if left > max(TOLERANCE * samples.bytes_per_second, _CHUNK) and _read(stream, place, left).strip(b"\0"):
        raise DamagedAudio(
            f"has {total - samples_end} bytes behind the samples that its header counts, which nothing describes"
        )
    return max(place, total)


def _begins(stream: BinaryIO, place: int) -> bool:
    """Whether a WAV file begins here."""
    return _read(stream, place, 4) == b"RIFF" and _read(stream, place + 8, 4) == b"WAVE"


def _is_chunk(stream: BinaryIO, place: int, total: int) -> bool:
    """Whether a chunk that fits the file, but for padding, begins here."""
    kind = _read(stream, place, 4)
    printable = len(kind) == 4 and all(32 <= byte < 127 for byte in kind)
    return printable and place + _CHUNK + _read_number(stream, place + 4) <= total


def _with_lengths(content: bytes, begin: int) -> bytes:
    """Put the true lengths into the header of a WAV file whose samples begin at `begin`."""
    riff, data = (min(len(content) - at, 0xFFFF_FFFF).to_bytes(4, "little") for at in (_CHUNK, begin))
    return b"".join([b"RIFF", riff, content[8 : begin - 4], data, content[begin:]])


def _read(stream: BinaryIO, place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)


def _read_number(stream: BinaryIO, place: int) -> int:
    return int.from_bytes(_read(stream, place, 4), "little")
