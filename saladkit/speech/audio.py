"""Audio in and out, resampling, and the log-mel features of the speech encoder.

Signals are float32 [n], mono, in [-1, 1]. torch and torchaudio are imported inside the functions
that need them; no other module of saladkit imports torchaudio.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from saladkit.errors import SaladError
from saladkit.formats.stretches import Stretch
from saladkit.speech.truncation import missing_end

if TYPE_CHECKING:
    import torch

FRAMES_PER_SECOND = 100
ROUNDING = 0.1  # s by which a stretch may end after its recording: manifests round, and MP3 files are padded
# of full scale, -46 dB: of espeak-ng's voices mean and median are both below 0.003 (its whispers apart, which have 0.01
# to 0.03), one step of 8-bit audio is 0.004
OFFSET = 0.005
_SHORTEST_FOR_OFFSET = 0.1  # s: a shorter mean may be that of half a wave
_UNKNOWN_LENGTH = 2**62  # frames: libsndfile's for a FLAC file that does not tell
_VORBIS_MARGIN = 60  # s: longer than the last page, which has at most 64 KB
_FRAMES_AT_ONCE = 2**24  # of a file
_RATES = (1_000, 768_000)  # Hz
_LARGEST_FILTER = 20_000_000  # samples, of 8 bytes while it is made: 141,120 from 22,050 to 16,000 Hz
_WRITE_ANEW = "Remove the row or write its audio anew, as WAV or FLAC."
_WINDOWS_PER_SECOND = 40  # 25 ms
_LOG_FLOOR = 1e-5
# over 21 espeak-ng utterances (7 voices, pauses included): mean -4.2, standard deviation 4.3; 11 %
# of the values lie on the floor, which stands 25 dB above the quantization noise of 16-bit audio
_LOG_MEAN = -4.2
_LOG_DEVIATION = 4.3


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
        raise SaladError(f"{name} has no audio: neither bytes nor a path.", "Remove the row or give it audio.")
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
        raise SaladError(f"{name}: the audio has no samples.", _WRITE_ANEW)
    if reason:
        raise SaladError(f"{name}: the audio was cut short: {reason}.", "Get the recording anew, or remove the row.")
    samples = _heard_channels(channels, stretch, name)
    if not np.isfinite(samples).all():
        raise SaladError(f"{name}: the audio has samples that are NaN or infinite.", _WRITE_ANEW)
    return _without_offset(samples, sample_rate), sample_rate


@contextmanager
def _opened(
    source: bytes | str | Path, name: str
) -> Iterator[tuple[soundfile.SoundFile, Stretch | None, BytesIO | BufferedReader]]:
    stretch = None if isinstance(source, bytes) else Stretch.parse(str(source))
    with BytesIO(source) if stretch is None else _file(stretch.path, name) as stream:
        try:
            if not stream.seek(0, os.SEEK_END):
                raise SaladError(f"{name}: the audio is an empty file.", _WRITE_ANEW)
            stream.seek(0)
            with soundfile.SoundFile(stream) as file:
                if not _RATES[0] <= file.samplerate <= _RATES[1]:
                    raise SaladError(f"{name}: the audio says that it has {file.samplerate} Hz.", _WRITE_ANEW)
                yield file, stretch, stream
        except (OSError, soundfile.SoundFileError) as error:
            # without the address of the buffer, which differs every time
            reason = getattr(error, "error_string", error)
            raise SaladError(f"{name}: the audio does not decode ({reason}).", _WRITE_ANEW) from error


def _file(path: str, name: str) -> BufferedReader:
    """The file by its number, and not by its name: soundfile would believe the suffix more than the content."""
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return os.fdopen(os.open(path, os.O_RDONLY), "rb")
    except (OSError, ValueError) as error:  # ValueError: no path can hold a NUL
        raise SaladError(f"{name}: the audio does not decode ({error}).", _WRITE_ANEW) from error


def _frames_of(file: soundfile.SoundFile, stretch: Stretch | None, name: str) -> tuple[int, int]:
    """The frames [begin, end) of a stretch, or of the whole file."""
    if file.frames >= _UNKNOWN_LENGTH:
        raise SaladError(f"{name}: the audio does not say how long it is; it was written into a pipe.", _WRITE_ANEW)
    if stretch is None or stretch.is_whole:
        return 0, file.frames
    begin = round(stretch.start * file.samplerate)
    end = file.frames if stretch.end is None else round(stretch.end * file.samplerate)
    if begin >= file.frames or end > file.frames + ROUNDING * file.samplerate:
        raise SaladError(
            f"{name}: the audio lasts {file.frames / file.samplerate:.2f} s and the row is of"
            f" {stretch.start:g} to {'its end' if stretch.end is None else format(stretch.end, 'g')} s.",
            "Check that it is the recording that the times are of.",
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
                f" {max(stretch.channels)}, counted from 0.",
                "Check that it is the recording that was meant.",
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


def encode_flac(samples: np.ndarray, sample_rate: int) -> bytes:
    """16-bit FLAC of float32 [n]; equal samples give equal bytes.

    Samples outside [-1, 1] are clipped. Samples that are multiples of 1/32768 (every decoded 16-bit
    file, espeak-ng) come back exactly.
    """
    return _encode(samples, sample_rate, "FLAC")


def encode_wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """16-bit WAV of float32 [n]; otherwise as `encode_flac`."""
    return _encode(samples, sample_rate, "WAV")


def _encode(samples: np.ndarray, sample_rate: int, container: str) -> bytes:
    pcm = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    encoded = BytesIO()
    soundfile.write(encoded, pcm, sample_rate, format=container, subtype="PCM_16")
    return encoded.getvalue()


ENCODERS = {"flac": encode_flac, "wav": encode_wav}


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """float32 [n] at `from_rate` Hz to float32 [ceil(n * to_rate / from_rate)] at `to_rate` Hz.

    Rates that have little in common (44,099 and 16,000 Hz) are taken to stand to each other as two smaller numbers do,
    as their filter would take gigabytes: what is heard and its length move by at most 1 in 9,000.
    """
    if from_rate == to_rate:
        return samples
    ratio = Fraction(from_rate, to_rate)
    ratio = ratio.limit_denominator(int((_LARGEST_FILTER / ratio) ** 0.5))  # a filter has numerator times denominator
    import torch
    import torchaudio

    signal = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
    return torchaudio.functional.resample(signal, ratio.numerator, ratio.denominator).numpy()


def log_mel(samples: np.ndarray, sample_rate: int, *, n_mels: int = 80) -> np.ndarray:
    """Causal log-mel spectrogram: float32 [n] to float32 [n // hop, n_mels], 100 frames a second.

    Frame i is the Hann-windowed 25 ms that end at (i + 1) * 10 ms: it sees no later sample, so an
    encoder may compute frames while the audio comes in. Zeros stand before the first sample; an
    incomplete last hop is left out. Power spectrum, Slaney's mel filters, natural logarithm, and an
    affine scaling that is the same for every audio, so that silence keeps its level.

    Raises SaladError if 10 ms or 25 ms are no whole number of samples at `sample_rate`.
    """
    hop, hop_rest = divmod(sample_rate, FRAMES_PER_SECOND)
    window, window_rest = divmod(sample_rate, _WINDOWS_PER_SECOND)
    if hop_rest or window_rest:
        raise SaladError(
            f"Log-mel frames of 10 ms do not fit a sample rate of {sample_rate} Hz.",
            "Resample to 16000 Hz first.",
        )
    n_frames = len(samples) // hop
    if n_frames == 0:
        return np.zeros((0, n_mels), np.float32)
    import torch

    padded = np.zeros(window - hop + n_frames * hop, np.float32)
    padded[window - hop :] = samples[: n_frames * hop]
    spectrum = torch.stft(
        torch.from_numpy(padded),
        n_fft=window,
        hop_length=hop,
        window=torch.hann_window(window),
        center=False,
        return_complex=True,
    )
    power = spectrum.abs().square().T  # [n_frames, window // 2 + 1]
    mel = power @ _mel_filters(window // 2 + 1, n_mels, sample_rate)
    scaled = (mel.clamp(min=_LOG_FLOOR).log() - _LOG_MEAN) / _LOG_DEVIATION
    return scaled.numpy()


@cache
def _mel_filters(n_frequencies: int, n_mels: int, sample_rate: int) -> "torch.Tensor":
    """Triangular filters on Slaney's mel scale, each with peak 1: [n_frequencies, n_mels].

    The HTK scale would leave low filters empty at 40 Hz per bin and 80 mels.
    """
    import torchaudio

    return torchaudio.functional.melscale_fbanks(
        n_frequencies, 0.0, sample_rate / 2, n_mels, sample_rate, norm=None, mel_scale="slaney"
    )


def ctc_forced_align(log_probs: "torch.Tensor", targets: list[int], blank: int) -> list[tuple[int, int, float]]:
    """The most probable CTC path through `log_probs` [frames, vocabulary] that reads `targets`, `blank` not among them.

    Returns for each target its first frame, the frame after its last, and the mean log probability of its frames.
    Raises SaladError if there are fewer frames than the targets need (a repeated target needs a blank in between).
    """
    repeats = sum(left == right for left, right in zip(targets, targets[1:], strict=False))
    if len(log_probs) < len(targets) + repeats:
        raise SaladError(
            f"The audio is shorter than its text: {len(log_probs)} frames for {len(targets) + repeats} characters.",
            "Check that the text is what is spoken, and that the audio is whole.",
        )
    import torch
    import torchaudio

    path, scores = torchaudio.functional.forced_align(
        log_probs[None], torch.tensor([targets], dtype=torch.int32), blank=blank
    )
    spans = torchaudio.functional.merge_tokens(path[0], scores[0], blank)
    return [(span.start, span.end, span.score) for span in spans]


def edit_distance(first: str, second: str) -> int:
    """How many characters have to be put in, taken out or replaced to make one text of the other (Levenshtein)."""
    import torchaudio

    return torchaudio.functional.edit_distance(first, second)
