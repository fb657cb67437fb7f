"""Detect recordings that were cut short.

libsndfile reads a shortened file without a warning: half a WAV file lasts half as long. The true length stands in the
header, in libsndfile's log, or in the last page of an Ogg file. An MP3 file states its length in the first frame if its
encoder wrote the length there. If not, libsndfile estimates the length from the first frame's bit rate, and reads no
further.
"""

import os
import re
from typing import BinaryIO

import soundfile

TOLERANCE = 0.05  # s: a smaller difference is a rounded header, or the last frame of an MP3 file
_UNKNOWN = 0x7FFF_F000  # bytes: programs that write into a pipe state this size or more
# WAV, AIFF, Wave64 and AU: the size that the header states, and the size of the data in the file
_LOGGED_SIZE = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_LOGGED_FRAMES = re.compile(r"frame count \d+ does not match value from 'ds64' chunk of (\d+)")  # RF64
_SPHERE_FRAMES = re.compile(rb"^sample_count -i (\d+)$", re.MULTILINE)
_MP3_LENGTHS = (b"Xing", b"Info")
_OGG_PAGE, _OGG_HEADER, _OGG_LAST = b"OggS", 27, 0x04
_LONGEST_OGG_PAGE = 65_307  # bytes
_LONGEST_TAG = 4096  # bytes at the end of an MP3 file that may be left unread


def missing_end(file: soundfile.SoundFile, stream: BinaryIO, frames: int) -> str | None:
    """Return how a file was cut short, in words; None if the file is whole, as far as its format tells.

    Args:
        stream: the stream that `file` reads; its position changes.
        frames: how many frames could be read.
    """
    if file.format == "MP3" and not _mp3_states_its_length(stream):
        return _unread_mp3(stream)
    promised = max(file.frames, _frames_in_header(file, stream, frames))
    if promised - frames > TOLERANCE * file.samplerate:
        rate = file.samplerate
        return f"it ends after {frames / rate:.2f} s of the {promised / rate:.2f} s that its header promises"
    if file.format == "OGG" and not _has_last_ogg_page(stream):
        return f"it ends after {frames / file.samplerate:.2f} s without its last page"
    return None


def _frames_in_header(file: soundfile.SoundFile, stream: BinaryIO, frames: int) -> float:
    if file.format == "NIST":
        stream.seek(0)
        stated = _SPHERE_FRAMES.search(stream.read(1024))
        return int(stated[1]) if stated else 0
    log = file.extra_info
    if found := _LOGGED_FRAMES.search(log):
        return int(found[1])
    found = _LOGGED_SIZE.search(log)
    promised, present = (int(found[1]), int(found[2])) if found else (0, 0)
    return frames * promised / present if present and promised < _UNKNOWN else 0


def _mp3_states_its_length(stream: BinaryIO) -> bool:
    place = stream.tell()
    stream.seek(0)
    head = stream.read(10)
    if head[:3] == b"ID3":  # the tag's size has seven bits a byte
        stream.seek(10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)))
    else:
        stream.seek(0)
    first = stream.read(4096)
    stream.seek(place)
    return any(name in first for name in _MP3_LENGTHS)


def _unread_mp3(stream: BinaryIO) -> str | None:
    place = stream.tell()
    left = stream.seek(0, os.SEEK_END) - place
    return f"its length is not known, and {left} bytes are left unread" if left > _LONGEST_TAG else None


def _has_last_ogg_page(stream: BinaryIO) -> bool:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 2 * _LONGEST_OGG_PAGE))
    tail = stream.read()
    page = tail[tail.rfind(_OGG_PAGE) :] if _OGG_PAGE in tail else b""
    if len(page) < _OGG_HEADER or not page[5] & _OGG_LAST:
        return False
    segments = page[26]
    sizes = page[_OGG_HEADER : _OGG_HEADER + segments]
    return len(sizes) == segments and len(page) >= _OGG_HEADER + segments + sum(sizes)
