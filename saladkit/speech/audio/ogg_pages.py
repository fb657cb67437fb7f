"""Walk over the pages of an Ogg file: where its links begin, and whether its last page is there.

libsndfile plays the first of several recordings that were joined ("chained"), and says nothing of the others.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

_NAME, _HEADER = b"OggS", 27
_FIRST, _LAST = 0x02, 0x04  # flags of a page: the first and the last of its stream
_LONGEST_PAGE = 65_307  # bytes


def ogg_recordings(stream: BinaryIO) -> list[bytes] | None:
    """Return the recordings that follow one another in an Ogg file; None if there is only one."""
    starts, after_sound = [], True
    for place, is_first in _pages(stream):
        if is_first and after_sound:  # streams of one recording begin together
            starts.append(place)
        after_sound = not is_first
    if len(starts) < 2:
        return None
    ends = [*starts[1:], stream.seek(0, os.SEEK_END)]
    return [_read(stream, begin, end - begin) for begin, end in zip(starts, ends, strict=True)]


def has_last_page(stream: BinaryIO) -> bool:
    """Whether an Ogg file ends with the last page of its stream, whole."""
    size = stream.seek(0, os.SEEK_END)
    tail = _read(stream, max(0, size - 2 * _LONGEST_PAGE), size)
    page = tail[tail.rfind(_NAME) :] if _NAME in tail else b""
    if len(page) < _HEADER or not page[5] & _LAST:
        return False
    segments = page[26]
    sizes = page[_HEADER : _HEADER + segments]
    return len(sizes) == segments and len(page) >= _HEADER + segments + sum(sizes)


def _pages(stream: BinaryIO) -> Iterator[tuple[int, bool]]:
    """Yield where each page begins, and whether it is the first of a stream, up to something else."""
    place = 0
    while (header := _read(stream, place, _HEADER))[:4] == _NAME and len(header) == _HEADER:
        yield place, bool(header[5] & _FIRST)
        place += _HEADER + header[26] + sum(stream.read(header[26]))


def _read(stream: BinaryIO, place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)
