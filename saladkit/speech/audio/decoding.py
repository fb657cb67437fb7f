"""Decode the audio of a samples row, a file or a stretch of a file. Signals are float32 [n], mono, in [-1, 1]."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.sources.stretches import Stretch
from saladkit.speech.audio.channels import at_full_scale, mix
from saladkit.speech.audio.damage import DamagedAudio
from saladkit.speech.audio.opening import ROUNDING, SAVE_AUDIO, open_audio

# Share of full scale, -46 dB. Mean and median of espeak-ng's voices are below 0.003 (0.01 to 0.03 for its whispers);
# one step of 8-bit audio is 0.004.
OFFSET = 0.005
_SHORTEST_FOR_OFFSET = 0.1  # s: the mean of a shorter signal may be that of half a wave


@dataclass(frozen=True)
class DecodedAudio:
    """Decoded audio.

    Attributes:
        samples: float32 [n].
        sample_rate: in Hz.
        scaled: whether the samples were stored as floats with 16-bit values.
        one_channel: whether the channels cancel each other, so that only the loudest was taken.
    """

    samples: np.ndarray
    sample_rate: int
    scaled: bool = False
    one_channel: bool = False


def decode_row(row: dict, where: str) -> tuple[np.ndarray, int]:
    """Decode the audio of a samples row; as `decode_and_mend`, without what was done to the audio."""
    decoded = decode_and_mend(row, where)
    return decoded.samples, decoded.sample_rate


def decode_and_mend(row: dict, where: str) -> DecodedAudio:
    """Decode the audio of a samples row from its bytes, or else from its path; `where` names the file in errors.

    Raises:
        SaladError: as `decode_audio`, and if the row has neither bytes nor a path.
    """
    source, name = _stored_audio(row, where)
    return _decoded(source, name)


def seconds_of_row(row: dict, where: str) -> float:
    """Return the length in s of a samples row's audio; most formats state it, and it is not decoded.

    Raises:
        SaladError: the row has no audio, or its header cannot be read.
    """
    source, name = _stored_audio(row, where)
    with open_audio(source, name) as opened:
        begin, end = opened.frames_of_stretch(name)
        return (end - begin) / opened.sample_rate


def _stored_audio(row: dict, where: str) -> tuple[bytes | str, str]:
    name = f"{where}: row '{row['id']}'"
    audio = row["audio"] or {}
    stored = [audio[key] for key in ("bytes", "path") if audio.get(key) is not None]
    if not stored:
        raise SaladError(f"{name} has no audio: neither bytes nor a path", "Remove the row, or add its audio.")
    return stored[0], name


def decode_audio(source: bytes | str | Path, *, name: str) -> tuple[np.ndarray, int]:
    """Decode audio in any format that libsndfile reads (WAV, FLAC, Ogg, MP3...), or TorchCodec or ffmpeg if installed.

    Args:
        source: the content, or the path of a file or of a stretch of a file.
        name: where the audio comes from (file and row), for errors and for what libraries print.

    Returns:
        The mean of the channels (the loudest if they cancel each other) without a constant offset, float32 [n], and the
        sample rate in Hz.

    Raises:
        SaladError: the audio does not decode, was cut short, is left unread in part, ends before the stretch does, has
            no samples, or has samples that are not finite.
    """
    decoded = _decoded(source, name)
    return decoded.samples, decoded.sample_rate


def _decoded(source: bytes | str | Path, name: str) -> DecodedAudio:
    with open_audio(source, name) as opened:
        begin, end = opened.frames_of_stretch(name)
        channels = opened.read(begin, end)
        if not len(channels):
            raise SaladError(f"{name}: the audio has no samples", SAVE_AUDIO)
        rate, stretch, read = opened.sample_rate, opened.stretch, begin + len(channels)
        if stretch is None or stretch.end is None:
            opened.check_ends()
        elif read < end - ROUNDING * rate:
            raise DamagedAudio(f"was cut short: it ends after {read / rate:.2f} s")
        peak = opened.peak(channels) if opened.is_float else 0.0
        channels, scaled = at_full_scale(channels, peak)
    samples, one_channel = mix(_chosen_channels(channels, stretch, name))
    if not np.isfinite(samples).all():
        raise SaladError(f"{name}: the audio has samples that are NaN or infinite", SAVE_AUDIO)
    return DecodedAudio(_without_offset(samples, rate), rate, scaled, one_channel)


def _chosen_channels(channels: np.ndarray, stretch: Stretch | None, name: str) -> np.ndarray:
    """Return the channels that a stretch names, by default all: float32 [n, channels]."""
    if stretch is None or stretch.channels is None:
        return channels
    if max(stretch.channels) >= channels.shape[1]:
        raise SaladError(
            f"{name}: the audio has {channels.shape[1]} channels, and the row is of channel"
            f" {max(stretch.channels)}, counted from 0",
            "Check that the row names the right recording and channel.",
        )
    return channels[:, list(stretch.channels)]


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
