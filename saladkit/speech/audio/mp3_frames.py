"""Count the frames of an MP3 file, whatever its header says.

libsndfile believes the number of frames in the first frame (Xing, Info), or else estimates it from the first frame's
bit rate, and reads no further. `mp3_recordings` walks over all frames, and puts their true number into a first frame
where it is missing, 0 or too small. Files that were joined are separate recordings, as each has its own first frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from saladkit.speech.audio.damage import TOLERANCE, DamagedAudio

MOST_LEFT_UNREAD = 4096  # bytes between and behind the frames: tags of unknown kinds
_MPEG_1 = 3
_RATES = (44_100, 48_000, 32_000)  # Hz, of MPEG 1; MPEG 2 has half of them, MPEG 2.5 a quarter
_DIVISORS = {_MPEG_1: 1, 2: 2, 0: 4}
_KBITS = {  # per second, of MPEG 1 or not, by index from 1
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_LAYER_III = 1
_COUNT, _BYTES = 1, 2  # flags of the first frame: it states the number of frames, and of bytes
_CONFIRMED = 3  # consecutive frames that show that bytes after something else are MP3 again


@dataclass(frozen=True)
class _Header:
    """What the four bytes at the beginning of a frame say; `stream` is equal for all frames of a recording."""

    stream: tuple[int, int, bool]  # MPEG version, sample rate, whether mono
    size: int  # bytes
    samples: int

    @property
    def info_at(self) -> int:
        """Where a first frame has its name."""
        version, _, mono = self.stream
        return 4 + ((17 if mono else 32) if version == _MPEG_1 else (9 if mono else 17))


@lru_cache(maxsize=4096)
def _parse(four: bytes) -> _Header | None:
    """Return the header; None for other bytes, other layers, and frames without a stated bit rate ("free format")."""
    if len(four) < 4 or four[0] != 0xFF or four[1] & 0xE0 != 0xE0:
        return None
    version, layer = four[1] >> 3 & 3, four[1] >> 1 & 3
    bits, rate, padding = four[2] >> 4, four[2] >> 2 & 3, four[2] >> 1 & 1
    if version == 1 or layer != _LAYER_III or bits in (0, 15) or rate == 3:
        return None
    hertz = _RATES[rate] // _DIVISORS[version]
    samples = 1152 if version == _MPEG_1 else 576
    size = samples // 8 * _KBITS[version == _MPEG_1][bits - 1] * 1000 // hertz + padding
    return _Header((version, hertz, four[3] >> 6 == 3), size, samples)


@dataclass
class _Recording:
    """Consecutive frames [begin, end) of one encoder run."""

    header: _Header
    begin: int
    end: int
    info: int | None = None  # where the first frame has its name, if it is one that only informs
    frames: list[tuple[int, int]] = field(default_factory=list)


def mp3_recordings(content: bytes) -> list[bytes] | None:
    """Return the recordings that follow one another in an MP3 file, each with its true length in its first frame.

    Returns:
        None if libsndfile reads the file to its end as it is, or if the bytes are no MP3.

    Raises:
        DamagedAudio: a recording has fewer frames than it states, or much of the file is neither frames nor tags and a
            recording does not state as many frames as there are.
    """
    found, unread = _walk(content)
    if not found:
        return None
    stated = [_stated(content, one) for one in found]
    as_stated = all(count == len(one.frames) for one, count in zip(found, stated, strict=True))
    if unread > MOST_LEFT_UNREAD and not as_stated:
        raise DamagedAudio(f"is damaged: {unread} of its {len(content)} bytes are not MP3")
    for one, count in zip(found, stated, strict=True):
        _check_end(one, count or 0)
    if len(found) == 1 and (stated[0] or 0) >= len(found[0].frames) and not unread:
        return None
    return [_with_count(content, one) for one in found if one.frames]


def _check_end(one: _Recording, stated: int) -> None:
    seconds = one.header.samples / one.header.stream[1]  # of a frame
    if (stated - len(one.frames)) * seconds > TOLERANCE:
        raise DamagedAudio.cut_short(len(one.frames) * seconds, stated * seconds)


def _walk(content: bytes) -> tuple[list[_Recording], int]:
    """Return the recordings, and the number of bytes that are neither frames, tags nor zeros at the end."""
    found: list[_Recording] = []
    place = unread = 0
    contiguous = False  # whether a frame of the last recording ends at `place`
    size, end = len(content), len(content.rstrip(b"\0"))
    while place < size:
        header = _parse(content[place : place + 4])
        same = contiguous and header is not None and header.stream == found[-1].header.stream
        if header is not None and (same or _confirmed(content, place)):
            if place + header.size > size:  # the last frame was cut: it lasts less than TOLERANCE
                break
            _add(found, content, place, header, new=not same)
            place, contiguous = place + header.size, True
            continue
        if tag := tag_size(content, place):
            contiguous = contiguous and place + tag >= end
            place += tag
            continue
        if place >= end:
            break
        following = _next_start(content, place + 1)
        unread += min(following, end) - place
        place, contiguous = following, False
    return found, unread


def _add(found: list[_Recording], content: bytes, place: int, header: _Header, *, new: bool) -> None:
    info = _info(content, place, header)
    resumed = not found or found[-1].header.stream != header.stream
    if info is not None or resumed:
        found.append(_Recording(header, place, place, info))
    one = found[-1]
    if info is None:
        one.frames.append((place, place + header.size))
    one.end = place + header.size


def _info(content: bytes, place: int, header: _Header) -> int | None:
    """Return where a frame has the name of those that only inform: Xing, Info or VBRI; None for a frame of sound."""
    for at in {place + header.info_at, place + header.info_at + 2}:  # two bytes more behind a checksum
        if content[at : at + 4] in (b"Xing", b"Info"):
            return at
    return place + 36 if content[place + 36 : place + 40] == b"VBRI" else None


def _confirmed(content: bytes, place: int) -> bool:
    """Whether as many frames of one kind as are left, up to `_CONFIRMED`, begin here."""
    stream = None
    for _ in range(_CONFIRMED):
        header = _parse(content[place : place + 4])
        if header is None or (stream is not None and header.stream != stream):
            return stream is not None and (place >= len(content) or bool(tag_size(content, place)))
        stream, place = header.stream, place + header.size
    return True


def _next_start(content: bytes, place: int) -> int:
    """Return where the next frame or tag may begin."""
    starts = [content.find(start, place) for start in (b"\xff", b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")]
    return min((start for start in starts if start >= 0), default=len(content))


def tag_size(content: bytes, place: int) -> int:
    """Return the size of the ID3, APE or Lyrics3 tag that begins at `place`; 0 if none does."""
    head = content[place : place + 32]
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:  # its size has seven bits a byte
        size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        return 10 + size + (10 if head[5] & 0x10 else 0)
    if head[:4] == b"TAG+":
        return 227
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        is_header = head[23] & 0x20
        return 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    if head[:11] == b"LYRICSBEGIN":
        ends = [content.find(end, place) for end in (b"LYRICS200", b"LYRICSEND")]
        return min((end + 9 - place for end in ends if end >= 0), default=0)
    return 0


def _stated(content: bytes, one: _Recording) -> int | None:
    """Return the number of frames that the first frame states; None if it does not."""
    if one.info is None or content[one.info : one.info + 4] == b"VBRI" or not content[one.info + 7] & _COUNT:
        return None
    return int.from_bytes(content[one.info + 8 : one.info + 12], "big")


def _with_count(content: bytes, one: _Recording) -> bytes:
    """Return the frames of a recording after a first frame that states their number."""
    sound = b"".join(_joined(content, one.frames))
    stated = _stated(content, one)
    if one.info is None or stated is None:
        return _first_frame(content, one, len(sound)) + sound
    first = bytearray(content[one.begin : one.begin + (_parse(content[one.begin : one.begin + 4]) or one.header).size])
    at, flags = one.info - one.begin, content[one.info + 7]
    first[at + 8 : at + 12] = len(one.frames).to_bytes(4, "big")
    if flags & _BYTES:
        first[at + 12 : at + 16] = (len(first) + len(sound)).to_bytes(4, "big")
    return bytes(first) + sound


def _joined(content: bytes, frames: list[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the bytes of frames, those of consecutive frames at once."""
    start, end = frames[0][0], frames[0][0]
    for begin, after in frames:
        if begin != end:
            yield content[start:end]
            start = begin
        end = after
    yield content[start:end]


def _first_frame(content: bytes, one: _Recording, size_of_sound: int) -> bytes:
    """Return a first frame of the recording's kind, of the lowest bit rate that has room for what it states."""
    begin = one.frames[0][0]
    head = bytearray(content[begin : begin + 4])
    head[1] |= 1  # no checksum
    for index in range(1, 15):
        head[2] = head[2] & 0x0C | index << 4
        header = _parse(bytes(head))
        if header is not None and header.size >= header.info_at + 16:
            break
    assert header is not None
    frame = bytearray(head) + bytes(header.size - 4)
    at = header.info_at
    numbers = (_COUNT | _BYTES, len(one.frames), header.size + size_of_sound)
    frame[at : at + 16] = b"Xing" + b"".join(number.to_bytes(4, "big") for number in numbers)
    return bytes(frame)
