"""Decode audio: of a samples row, a file, or a stretch of one. Signals are float32 [n], mono, in [-1, 1]."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from pathlib import Path

import numpy as np
import soundfile

from saladkit.errors import SaladError
from saladkit.sources.stretches import Stretch
from saladkit.speech.audio.truncation import missing_end

ROUNDING = 0.1  # s by which a stretch may end after its recording: manifests round, and MP3 files are padded
# of full scale, -46 dB: of espeak-ng's voices mean and median are both below 0.003 (its whispers apart, which have 0.01
# to 0.03), one step of 8-bit audio is 0.004
OFFSET = 0.005
_SHORTEST_FOR_OFFSET = 0.1  # s: a shorter mean may be that of half a wave
_UNKNOWN_LENGTH = 2**62  # frames: libsndfile's for a FLAC file that does not tell
_VORBIS_MARGIN = 60  # s: longer than the last page, which has at most 64 KB
_FRAMES_AT_ONCE = 2**24  # of a file
_RATES = (1_000, 768_000)  # Hz
_WRITE_ANEW = "Remove the row, or write its audio anew as WAV or FLAC."


def decode_row(row: dict, where: str) -> tuple[np.ndarray, int]:
    """Decode the audio of a samples row, from its bytes or else its path; `where` names the file in errors.

    Returns and raises as `decode_audio`; also raises SaladError if the row has neither.
    """
    source, name = _stored_audio(row, where)
    return decode_audio(source, name=name)


def seconds_of_row(row: dict, where: str) -> float:
    """How long the audio of a samples row is, by its header alone; raises as `decode_row` does on such a row."""
    source, name = _stored_audio(row, where)
    with _opened(source, name) as (file, stretch, _):
        begin, end = _frames_of(file, stretch, name)
        return (end - begin) / file.samplerate


def _stored_audio(row: dict, where: str) -> tuple[bytes | str, str]:
    name = f"{where}: row '{row['id']}'"
    audio = row["audio"] or {}
    stored = [audio[key] for key in ("bytes", "path") if audio.get(key) is not None]
    if not stored:
        raise SaladError(f"{name} has no audio: neither bytes nor a path", "Remove the row, or give it audio.")
    return stored[0], name


def decode_audio(source: bytes | str | Path, *, name: str) -> tuple[np.ndarray, int]:
    """Decode what libsndfile reads (WAV, FLAC, Ogg, MP3...), by content, or by the path of a file or a stretch of one.

    Returns float32 [n], the mean of the channels without a constant offset, and the sample rate in Hz. `name` says in
    errors where the audio comes from (file and row). Raises SaladError if it does not decode, was cut short, ends
    before the stretch does, has no samples, or has samples that are not finite.
    """
    with _opened(source, name) as (file, stretch, stream):
        begin, end = _frames_of(file, stretch, name)
        channels = _read_frames(file, begin, end)
        sample_rate, read = file.samplerate, begin + len(channels)
        reason = None
        if stretch is None or stretch.is_whole:
            reason = missing_end(file, stream, read)
        elif read < end - ROUNDING * sample_rate:
            reason = f"it ends after {read / sample_rate:.2f} s"
    if not len(channels):
        raise SaladError(f"{name}: the audio has no samples", _WRITE_ANEW)
    if reason:
        raise SaladError(
            f"{name}: the audio was cut short: {reason}", "Copy the recording from its source again, or remove the row."
        )
    samples = _heard_channels(channels, stretch, name)
    if not np.isfinite(samples).all():
        raise SaladError(f"{name}: the audio has samples that are NaN or infinite", _WRITE_ANEW)
    return _without_offset(samples, sample_rate), sample_rate


@contextmanager
def _opened(
    source: bytes | str | Path, name: str
) -> Iterator[tuple[soundfile.SoundFile, Stretch | None, BytesIO | BufferedReader]]:
    stretch = None
    opened: BytesIO | BufferedReader
    if isinstance(source, bytes):
        opened = BytesIO(source)
    else:
        stretch = Stretch.parse(str(source))
        opened = _file(stretch.path, name)
    with opened as stream:
        try:
            if not stream.seek(0, os.SEEK_END):
                raise SaladError(f"{name}: the audio is an empty file", _WRITE_ANEW)
            stream.seek(0)
            with soundfile.SoundFile(stream) as file:
                if not _RATES[0] <= file.samplerate <= _RATES[1]:
                    raise SaladError(f"{name}: the audio says that it has {file.samplerate} Hz", _WRITE_ANEW)
                yield file, stretch, stream
        except (OSError, soundfile.SoundFileError) as error:
            # without the address of the buffer, which differs every time
            reason = getattr(error, "error_string", error)
            raise SaladError(f"{name}: the audio does not decode ({reason})", _WRITE_ANEW) from error


def _file(path: str, name: str) -> BufferedReader:
    """The file by its number, and not by its name: soundfile would believe the suffix more than the content."""
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return os.fdopen(os.open(path, os.O_RDONLY), "rb")
    except (OSError, ValueError) as error:  # ValueError: no path can hold a NUL
        raise SaladError(f"{name}: the audio does not decode ({error})", _WRITE_ANEW) from error


def _frames_of(file: soundfile.SoundFile, stretch: Stretch | None, name: str) -> tuple[int, int]:
    """The frames [begin, end) of a stretch, or of the whole file."""
    if file.frames >= _UNKNOWN_LENGTH:
        raise SaladError(f"{name}: the audio does not say how long it is; it was written into a pipe", _WRITE_ANEW)
    if stretch is None or stretch.is_whole:
        return 0, file.frames
    begin = round(stretch.start * file.samplerate)
    end = file.frames if stretch.end is None else round(stretch.end * file.samplerate)
    if begin >= file.frames or end > file.frames + ROUNDING * file.samplerate:
        raise SaladError(
            f"{name}: the audio lasts {file.frames / file.samplerate:.2f} s and the row is of"
            f" {stretch.start:g} to {'its end' if stretch.end is None else format(stretch.end, 'g')} s",
            "Check that the row names the recording that its times belong to.",
        )
    return begin, max(begin, min(end, file.frames))


def _read_frames(file: soundfile.SoundFile, begin: int, end: int) -> np.ndarray:
    """Frames [begin, end), float32 [n, channels]; fewer where the file has fewer."""
    place = begin
    if file.format == "OGG":  # after a seek into the last page of Vorbis, libsndfile 1.2.2 is up to a block beside it
        place = min(begin, max(0, file.frames - _VORBIS_MARGIN * file.samplerate))
    place = file.seek(place) if place and file.seekable() else 0
    # In blocks, as a damaged header may promise more than any memory holds.
    sizes = (min(_FRAMES_AT_ONCE, end - at) for at in range(place, end, _FRAMES_AT_ONCE))
    blocks = [file.read(0, dtype="float32", always_2d=True)]
    for size in sizes:
        blocks.append(file.read(size, dtype="float32", always_2d=True))
        if len(blocks[-1]) < size:
            break
    return (blocks[-1] if len(blocks) == 2 else np.concatenate(blocks))[begin - place :]


def _heard_channels(channels: np.ndarray, stretch: Stretch | None, name: str) -> np.ndarray:
    """float32 [n, channels] -> the mean of those that are heard, float32 [n]."""
    if stretch is not None and stretch.channels is not None:
        if max(stretch.channels) >= channels.shape[1]:
            raise SaladError(
                f"{name}: the audio has {channels.shape[1]} channels, and the row is of channel"
                f" {max(stretch.channels)}, counted from 0",
                "Check that the row names the right recording and channel.",
            )
        channels = channels[:, list(stretch.channels)]
    return channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1, dtype=np.float32)


def _without_offset(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """The samples without their mean, where that is the constant offset of a converter and not a property of the sound.

    An offset moves mean and median alike. What is below OFFSET stays, so that clean audio comes back as it was written.
    """
    if len(samples) < _SHORTEST_FOR_OFFSET * sample_rate:
        return samples
    mean = float(samples.mean(dtype=np.float64))
    if abs(mean) < OFFSET:
        return samples
    median = float(np.median(samples))
    return samples if abs(median) < OFFSET or mean * median < 0 else samples - np.float32(mean)
