"""Turn a file into recordings that libsndfile reads to their end; most files are one, exactly as they are."""

import os
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO

from saladkit.speech.audio.mp3_frames import mp3_recordings, tag_size
from saladkit.speech.audio.ogg_pages import ogg_recordings
from saladkit.speech.audio.other_formats import convert, format_of
from saladkit.speech.audio.wav_chunks import mp3_inside, wav_recordings

_FLAC_BEGINS = b"fLaC\0\0\0\x22"  # the name, and the head of the block that describes the samples
_HEAD = 16  # bytes that tell the format


def recordings_of(stream: BinaryIO, path: str | None) -> list[BinaryIO]:
    """Return the recordings that follow one another in a file, each as libsndfile can read it.

    Args:
        path: of the file; None if it is in memory.

    Raises:
        DamagedAudio: the file has no length that can be believed, or needs a program that is not installed or fails.
    """
    if path is None:
        found = _found(stream, None)
    else:
        about = os.fstat(stream.fileno())
        found = _found_in_file(path, about.st_ino, about.st_size, about.st_mtime_ns)
    return [stream] if found is None else [BytesIO(content) for content in found]


@lru_cache(maxsize=2)  # the stretches of a long recording are read one after another
def _found_in_file(path: str, inode: int, size: int, modified: int) -> list[bytes] | None:
    with open(path, "rb") as stream:
        return _found(stream, path)


def _found(stream: BinaryIO, path: str | None) -> list[bytes] | None:
    stream.seek(0)
    head = stream.read(_HEAD)
    stream.seek(tag_size(head, 0))  # which AAC may have before it, as MP3 has
    if name := format_of(stream.read(_HEAD)):
        stream.seek(0)
        return [convert(stream.read() if path is None else path, name)]
    return _splitter(head)(stream)


def _splitter(head: bytes) -> Callable[[BinaryIO], list[bytes] | None]:
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _wav_recordings
    if head[:4] == b"OggS":
        return ogg_recordings
    if head[:4] == b"fLaC":
        return _flac_recordings
    if head[:3] in (b"ID3", b"TAG") or head[:2] >= b"\xff\xe0":
        return lambda stream: mp3_recordings(_content(stream))
    return lambda stream: None


def _wav_recordings(stream: BinaryIO) -> list[bytes] | None:
    mp3 = mp3_inside(stream)
    return wav_recordings(stream) if mp3 is None else mp3_recordings(mp3) or [mp3]


def _flac_recordings(stream: BinaryIO) -> list[bytes] | None:
    content = _content(stream)
    starts = [0]
    while (found := content.find(_FLAC_BEGINS, starts[-1] + 1)) >= 0:
        starts.append(found)
    if len(starts) == 1:
        return None
    return [content[begin:end] for begin, end in zip(starts, [*starts[1:], len(content)], strict=True)]


def _content(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read()
