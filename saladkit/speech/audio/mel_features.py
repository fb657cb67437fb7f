"""Causal log-mel features of the speech encoder."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from saladkit.errors import SaladError
from saladkit.speech.audio.torchaudio import find_torchaudio

if TYPE_CHECKING:
    import torch

FRAMES_PER_SECOND = 100
_WINDOWS_PER_SECOND = 40  # 25 ms
_LOG_FLOOR = 1e-5
# over 21 espeak-ng utterances (7 voices, pauses included): mean -4.2, standard deviation 4.3; 11 %
# of the values lie on the floor, which stands 25 dB above the quantization noise of 16-bit audio
_LOG_MEAN = -4.2
_LOG_DEVIATION = 4.3


def log_mel(samples: np.ndarray, sample_rate: int, *, n_mels: int = 80, before: np.ndarray | None = None) -> np.ndarray:
    """Compute a causal log-mel spectrogram: float32 [n] to float32 [n // hop, n_mels], 100 frames a second.

    Frame i is the Hann-windowed 25 ms that end at (i + 1) * 10 ms: it sees no later sample, so an encoder can compute
    frames while the audio arrives. An incomplete last hop is left out. Power spectrum, Slaney's mel filters, natural
    logarithm, and an affine scaling that is the same for every recording, so that silence keeps its level.

    Args:
        before: the 15 ms before the first sample, float32 [overlap(sample_rate)]; by default silence.

    Raises:
        SaladError: 10 ms or 25 ms are no whole number of samples at `sample_rate`.
    """
    hop, window = sample_rate // FRAMES_PER_SECOND, sample_rate // _WINDOWS_PER_SECOND
    if sample_rate % FRAMES_PER_SECOND or sample_rate % _WINDOWS_PER_SECOND:
        raise SaladError(
            f"log-mel frames of 10 ms do not fit a sample rate of {sample_rate} Hz",
            "Resample to 16000 Hz first.",
        )
    n_frames = len(samples) // hop
    if n_frames == 0:
        return np.zeros((0, n_mels), np.float32)
    import torch

    earlier = np.zeros(overlap(sample_rate), np.float32) if before is None else before
    spectrum = torch.stft(
        torch.from_numpy(np.concatenate([earlier, samples[: n_frames * hop]], dtype=np.float32)),
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


def overlap(sample_rate: int) -> int:
    """Return how many samples before its hop a frame sees."""
    return sample_rate // _WINDOWS_PER_SECOND - sample_rate // FRAMES_PER_SECOND


@cache
def _mel_filters(n_frequencies: int, n_mels: int, sample_rate: int) -> "torch.Tensor":
    """Return triangular filters on Slaney's mel scale, each with peak 1: [n_frequencies, n_mels].

    The HTK scale would leave low filters empty at 40 Hz per bin and 80 mels. Where torchaudio does not load, the
    filters come from transformers and differ by rounding: up to 1e-5 for 80 mels.
    """
    torchaudio = find_torchaudio()
    if torchaudio is not None:
        return torchaudio.functional.melscale_fbanks(
            n_frequencies, 0.0, sample_rate / 2, n_mels, sample_rate, norm=None, mel_scale="slaney"
        )
    import torch
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(n_frequencies, n_mels, 0.0, sample_rate / 2, sample_rate, norm=None, mel_scale="slaney")
    return torch.from_numpy(filters).float()
