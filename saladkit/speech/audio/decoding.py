"""Decode the audio of a samples row, a file or a stretch of a file. Signals are float32 [n], mono, in [-1, 1]."""

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
# Share of full scale, -46 dB. Mean and median of espeak-ng's voices are below 0.003 (0.01 to 0.03 for its whispers);
# one step of 8-bit audio is 0.004.
OFFSET = 0.005
_SHORTEST_FOR_OFFSET = 0.1  # s: the mean of a shorter signal may be that of half a wave
_UNKNOWN_LENGTH = 2**62  # frames: libsndfile's number for a FLAC file without a stated length
_VORBIS_MARGIN = 60  # s: longer than the last page, which has at most 64 KB
_FRAMES_AT_ONCE = 2**24  # read from a file
_RATES = (1_000, 768_000)  # Hz
_SAVE_AUDIO = "Remove the row, or save its audio as a valid WAV or FLAC file."


def decode_row(row: dict, where: str) -> tuple[np.ndarray, int]:
    """Decode the audio of a samples row from its bytes, or else from its path; `where` names the file in errors.

    Returns:
        As `decode_audio`.

    Raises:
        SaladError: as `decode_audio`, and if the row has neither bytes nor a path.
    """
    source, name = _stored_audio(row, where)
    return decode_audio(source, name=name)


def seconds_of_row(row: dict, where: str) -> float:
    """Return the length in s of a samples row's audio as its header states it.

    Raises:
        SaladError: the row has no audio, or its header cannot be read.
    """
    source, name = _stored_audio(row, where)
    with _opened(source, name) as (file, stretch, _):
        begin, end = _frames_of(file, stretch, name)
        return (end - begin) / file.samplerate


def _stored_audio(row: dict, where: str) -> tuple[bytes | str, str]:
    name = f"{where}: row '{row['id']}'"
    audio = row["audio"] or {}
    stored = [audio[key] for key in ("bytes", "path") if audio.get(key) is not None]
    if not stored:
        raise SaladError(f"{name} has no audio: neither bytes nor a path", "Remove the row, or add its audio.")
    return stored[0], name


def decode_audio(source: bytes | str | Path, *, name: str) -> tuple[np.ndarray, int]:
    """Decode audio in any format that libsndfile reads (WAV, FLAC, Ogg, MP3...).

    Args:
        source: the content, or the path of a file or of a stretch of a file.
        name: where the audio comes from (file and row), for errors.

    Returns:
        The mean of the channels without a constant offset, float32 [n], and the sample rate in Hz.

    Raises:
        SaladError: the audio does not decode, was cut short, ends before the stretch does, has no samples, or has
            samples that are not finite.
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
        raise SaladError(f"{name}: the audio has no samples", _SAVE_AUDIO)
    if reason:
        raise SaladError(
            f"{name}: the audio was cut short: {reason}", "Copy the whole recording from its source, or remove the row."
        )
    samples = _mono(channels, stretch, name)
    if not np.isfinite(samples).all():
        raise SaladError(f"{name}: the audio has samples that are NaN or infinite", _SAVE_AUDIO)
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
                raise SaladError(f"{name}: the audio is an empty file", _SAVE_AUDIO)
            stream.seek(0)
            with soundfile.SoundFile(stream) as file:
                if not _RATES[0] <= file.samplerate <= _RATES[1]:
                    raise SaladError(f"{name}: the audio says that it has {file.samplerate} Hz", _SAVE_AUDIO)
                yield file, stretch, stream
        except (OSError, soundfile.SoundFileError) as error:
            # error_string leaves out the address of the buffer, which differs from run to run
            reason = getattr(error, "error_string", error)
            raise SaladError(f"{name}: the audio does not decode ({reason})", _SAVE_AUDIO) from error


def _file(path: str, name: str) -> BufferedReader:
    """Open a file for soundfile, which would believe the suffix of a path more than the content."""
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return os.fdopen(os.open(path, os.O_RDONLY), "rb")
    except (OSError, ValueError) as error:  # ValueError: the path has a NUL character
        raise SaladError(f"{name}: the audio does not decode ({error})", _SAVE_AUDIO) from error


def _frames_of(file: soundfile.SoundFile, stretch: Stretch | None, name: str) -> tuple[int, int]:
    """Return the frames [begin, end) of a stretch, or of the whole file."""
    if file.frames >= _UNKNOWN_LENGTH:
        raise SaladError(f"{name}: the audio does not say how long it is; it was written into a pipe", _SAVE_AUDIO)
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
    """Read frames [begin, end), float32 [n, channels]; fewer if the file ends before."""
    place = begin
    if file.format == "OGG":  # libsndfile 1.2.2 misses by up to a block when it seeks into the last page of Vorbis
        place = min(begin, max(0, file.frames - _VORBIS_MARGIN * file.samplerate))
    place = file.seek(place) if place and file.seekable() else 0
    # Read in blocks: a damaged header may state more than any memory holds.
    sizes = (min(_FRAMES_AT_ONCE, end - at) for at in range(place, end, _FRAMES_AT_ONCE))
    blocks = [file.read(0, dtype="float32", always_2d=True)]
    for size in sizes:
        blocks.append(file.read(size, dtype="float32", always_2d=True))
        if len(blocks[-1]) < size:
            break
    return (blocks[-1] if len(blocks) == 2 else np.concatenate(blocks))[begin - place :]


def _mono(channels: np.ndarray, stretch: Stretch | None, name: str) -> np.ndarray:
    """Return the mean of the channels of a stretch, by default of all: float32 [n, channels] to float32 [n]."""
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
    """Subtract the mean of the samples if it is the constant offset of a converter, not a property of the sound.

    An offset moves mean and median alike. An offset below OFFSET stays, so that clean audio is returned as it was
    written.
    """
    if len(samples) < _SHORTEST_FOR_OFFSET * sample_rate:
        return samples
    mean = float(samples.mean(dtype=np.float64))
    if abs(mean) < OFFSET:
        return samples
    median = float(np.median(samples))
    return samples if abs(median) < OFFSET or mean * median < 0 else samples - np.float32(mean)
