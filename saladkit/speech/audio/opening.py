"""Open audio for reading: a file, its recordings one after another, and the stretch of it that is asked for."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from saladkit.errors import SaladError
from saladkit.progress import say
from saladkit.sources.stretches import Stretch
from saladkit.speech.audio.damage import DamagedAudio
from saladkit.speech.audio.recordings import recordings_of
from saladkit.speech.audio.truncation import check_end
from saladkit.speech.native_lines import native_lines

ROUNDING = 0.1  # s by which a stretch may end after its recording: manifests round, and MP3 files are padded
SAVE_AUDIO = "Remove the row, or save its audio as a valid WAV or FLAC file."
_UNKNOWN_LENGTH = 2**62  # frames: libsndfile's number for a FLAC file without a stated length
# s by which a decoder starts before a stretch. libsndfile 1.2.2 misses by up to a block when it seeks into the last
# page of Vorbis, which has at most 64 KB. A frame of MP3 may need bytes of the frames before it.
_MARGINS = {"OGG": 60, "MP3": 1}
_FRAMES_AT_ONCE = 2**24  # read from a file
_RATES = (1_000, 768_000)  # Hz
_FLOATS = ("FLOAT", "DOUBLE")  # subtypes whose samples may be at any scale
_PLAINLY = {"Internal error : SF_INFO struct incomplete.": "its header states no sample rate or no channels"}


@dataclass
class OpenedAudio:
    """Recordings that follow one another in a file, open for reading.

    Attributes:
        files: libsndfile's view of each, all of one sample rate.
        streams: what each is read from.
        counts: how many frames were read of each.
    """

    files: list[soundfile.SoundFile]
    streams: list[BinaryIO]
    stretch: Stretch | None
    counts: list[int]

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz."""
        return self.files[0].samplerate

    @property
    def is_float(self) -> bool:
        """Whether the samples are stored as floats, which may be at any scale."""
        return any(file.subtype in _FLOATS for file in self.files)

    def frames_of_stretch(self, name: str) -> tuple[int, int]:
        """Return the frames [begin, end) of the stretch, or of the whole file.

        Raises:
            SaladError: the length is not known, or the stretch ends after the audio; `name` is said.
        """
        total, rate, stretch = sum(file.frames for file in self.files), self.sample_rate, self.stretch
        if total >= _UNKNOWN_LENGTH:
            raise SaladError(f"{name}: the audio does not say how long it is; it was written into a pipe", SAVE_AUDIO)
        if stretch is None or stretch.is_whole:
            return 0, total
        begin = _frame(stretch.start, rate)
        end = total if stretch.end is None else _frame(stretch.end, rate)
        if begin >= total or end > total + ROUNDING * rate:
            raise SaladError(
                f"{name}: the audio lasts {total / rate:.2f} s and the row is of"
                f" {stretch.start:g} to {'its end' if stretch.end is None else format(stretch.end, 'g')} s",
                "Check that the row names the recording that its times belong to.",
            )
        return begin, max(begin, min(end, total))

    def read(self, begin: int, end: int) -> np.ndarray:
        """Read frames [begin, end), float32 [n, channels]; fewer if a recording ends before."""
        pieces, start = [], 0
        width = max(file.channels for file in self.files)
        for index, file in enumerate(self.files):
            low, high = max(begin - start, 0), min(end - start, file.frames)
            start += file.frames
            if low < high:
                piece = _read_frames(file, low, high)
                self.counts[index] = low + len(piece)
                pieces.append(piece if piece.shape[1] == width else np.repeat(piece[:, :1], width, axis=1))
        if not pieces:
            return np.zeros((0, width), np.float32)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def check_ends(self) -> None:
        """Raise DamagedAudio if a recording that was read was cut short, or if frames of it are left unread."""
        for file, stream, count in zip(self.files, self.streams, self.counts, strict=True):
            if count:
                check_end(file, stream, count)

    def peak(self, channels: np.ndarray) -> float:
        """Return the largest absolute value of the whole file, of which `channels` were read."""
        if self.stretch is not None and not self.stretch.is_whole:
            about = os.stat(self.stretch.path)
            return _peak_of_file(self.stretch.path, about.st_ino, about.st_size, about.st_mtime_ns)
        return float(np.abs(channels).max())


def _frame(seconds: float, rate: int) -> int:
    return round(min(seconds * rate, float(_UNKNOWN_LENGTH)))  # 1e308 s times a rate is infinite


@lru_cache(maxsize=2)  # the stretches of a long recording are read one after another
def _peak_of_file(path: str, inode: int, size: int, modified: int) -> float:
    with open_audio(path, path) as opened:
        return max(float(np.abs(block).max()) for file in opened.files for block in _blocks(file, file.frames))


@contextmanager
def open_audio(source: bytes | str | Path, name: str) -> Iterator[OpenedAudio]:
    """Open the content or the path of a file, or of a stretch of a file; `name` is said in errors.

    What libraries print on stderr while the audio is open is said with `name`.

    Raises:
        SaladError: the audio does not decode or is damaged; so are errors of libsndfile and DamagedAudio in the body.
    """
    stretch, path = None, None
    opened: BytesIO | BufferedReader
    if isinstance(source, bytes):
        opened = BytesIO(source)
    else:
        stretch = Stretch.parse(str(source))
        path, opened = stretch.path, _file(stretch.path, name)
    printed: list[str] = []
    try:
        with ExitStack() as stack:
            printed = stack.enter_context(native_lines())
            stack.enter_context(opened)
            if not opened.seek(0, os.SEEK_END):
                raise SaladError(f"{name}: the audio is an empty file", SAVE_AUDIO)
            streams = recordings_of(opened, path)
            files = []
            for one in streams:
                one.seek(0)
                files.append(stack.enter_context(soundfile.SoundFile(one)))
            _check_rates(files, name)
            yield OpenedAudio(files, streams, stretch, [0] * len(files))
    except DamagedAudio as error:
        raise SaladError(f"{name}: the audio {error.problem}", error.fix) from error
    except (OSError, soundfile.SoundFileError) as error:
        # error_string leaves out the address of the buffer, which differs from run to run
        reason = str(getattr(error, "error_string", error))
        reason = _PLAINLY.get(reason, reason)
        raise SaladError(f"{name}: the audio does not decode ({reason})", SAVE_AUDIO) from error
    finally:
        _say_once(name, tuple(printed))


@lru_cache(maxsize=65_536)  # training reads a row in every epoch
def _say_once(name: str, lines: tuple[str, ...]) -> None:
    for line in lines:
        say(f"{name}: {line}")


def _check_rates(files: list[soundfile.SoundFile], name: str) -> None:
    for file in files:
        if not _RATES[0] <= file.samplerate <= _RATES[1]:
            raise SaladError(f"{name}: the audio says that it has {file.samplerate} Hz", SAVE_AUDIO)
        if file.samplerate != files[0].samplerate:
            raise DamagedAudio(f"is joined from recordings of {files[0].samplerate} and {file.samplerate} Hz")


def _file(path: str, name: str) -> BufferedReader:
    """Open a file for soundfile, which would believe the suffix of a path more than the content."""
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return os.fdopen(os.open(path, os.O_RDONLY), "rb")
    except (OSError, ValueError) as error:  # ValueError: the path has a NUL character
        raise SaladError(f"{name}: the audio does not decode ({error})", SAVE_AUDIO) from error


def _read_frames(file: soundfile.SoundFile, begin: int, end: int) -> np.ndarray:
    """Read frames [begin, end), float32 [n, channels]; fewer if the file ends before."""
    place = begin
    if margin := _MARGINS.get(file.format, 0) * file.samplerate:
        place = max(0, min(begin, file.frames - margin) if file.format == "OGG" else begin - margin)
    place = file.seek(place) if place and file.seekable() else 0
    blocks = list(_blocks(file, end - place))
    return (blocks[0] if len(blocks) == 1 else np.concatenate(blocks))[begin - place :]


def _blocks(file: soundfile.SoundFile, count: int) -> Iterator[np.ndarray]:
    """Yield the next `count` frames in blocks, as a damaged header may state more than any memory holds."""
    for at in range(0, max(count, 1), _FRAMES_AT_ONCE):
        size = min(_FRAMES_AT_ONCE, count - at)
        block = file.read(size, dtype="float32", always_2d=True)
        yield block
        if len(block) < size:
            break
