"""Audio in and out, resampling, and the log-mel features of the speech encoder.

Signals are float32 [n], mono, in [-1, 1]. torch and torchaudio are imported inside the functions
that need them; no other module of saladkit imports torchaudio.
"""

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from saladkit.errors import SaladError

if TYPE_CHECKING:
    import torch

FRAMES_PER_SECOND = 100
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
    try:
        return soundfile.info(BytesIO(source) if isinstance(source, bytes) else source).duration
    except (OSError, soundfile.SoundFileError) as error:
        raise _undecodable(name, error) from error


def _stored_audio(row: dict, where: str) -> tuple[bytes | str, str]:
    name = f"{where}: row '{row['id']}'"
    stored = [row["audio"][key] for key in ("bytes", "path") if row["audio"][key] is not None]
    if not stored:
        raise SaladError(f"{name} has audio without bytes and without a path.", "Remove the row or give it audio.")
    return stored[0], name


def decode_audio(source: bytes | str | Path, *, name: str) -> tuple[np.ndarray, int]:
    """Decode a file (by path or by content) that libsndfile reads: WAV, FLAC, Ogg, MP3...

    Returns float32 [n], the mean of the channels, and the sample rate in Hz. `name` says in errors
    where the audio comes from (file and row). Raises SaladError if it does not decode, has no
    samples, or has samples that are not finite.
    """
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        channels, sample_rate = soundfile.read(BytesIO(content), dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise _undecodable(name, error) from error
    if not len(channels):
        raise SaladError(f"{name}: the audio has no samples.", _WRITE_ANEW)
    samples = channels.mean(axis=1, dtype=np.float32)
    if not np.isfinite(samples).all():
        raise SaladError(f"{name}: the audio has samples that are NaN or infinite.", _WRITE_ANEW)
    return samples, sample_rate


def _undecodable(name: str, error: Exception) -> SaladError:
    reason = getattr(error, "error_string", error)  # without the address of the buffer, which differs every time
    return SaladError(f"{name}: the audio does not decode ({reason}).", _WRITE_ANEW)


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
    """float32 [n] at `from_rate` Hz to float32 [ceil(n * to_rate / from_rate)] at `to_rate` Hz."""
    if from_rate == to_rate:
        return samples
    import torch
    import torchaudio

    signal = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
    return torchaudio.functional.resample(signal, from_rate, to_rate).numpy()


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
