"""Resample audio, by torchaudio where it loads and by soxr elsewhere.

The two agree below 90 % of the smaller Nyquist frequency, where soxr's filter is the steeper one. Log-mel frames at
16 kHz of speech at 22.05 kHz differ by 0.007 standard deviations on average, in the highest filter by 0.15, so files
made from resampled audio say which of the two it was.
"""

from fractions import Fraction

import numpy as np

from saladkit.speech.audio.torchaudio import find_torchaudio

_LARGEST_FILTER = 20_000_000  # samples, of 8 bytes while it is made: 141,120 from 22,050 to 16,000 Hz


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample float32 [n] at `from_rate` Hz to float32 [ceil(n * to_rate / from_rate)] at `to_rate` Hz.

    Rates that have little in common (44,099 and 16,000 Hz) are replaced by two smaller numbers of nearly the same
    ratio, as their filter would take gigabytes: pitch and length move by at most 1 in 9,000.
    """
    if from_rate == to_rate:
        return samples
    ratio = Fraction(from_rate, to_rate)
    ratio = ratio.limit_denominator(int((_LARGEST_FILTER / ratio) ** 0.5))  # a filter has numerator times denominator
    signal = np.ascontiguousarray(samples, dtype=np.float32)
    torchaudio = find_torchaudio()
    if torchaudio is None:
        return _resample_by_soxr(signal, ratio)
    import torch

    return torchaudio.functional.resample(torch.from_numpy(signal), ratio.numerator, ratio.denominator).numpy()


def _resample_by_soxr(signal: np.ndarray, ratio: Fraction) -> np.ndarray:
    import soxr

    length = -(-len(signal) * ratio.denominator // ratio.numerator)
    found = soxr.resample(signal, ratio.numerator, ratio.denominator)[:length]
    return np.pad(found, (0, length - len(found)))  # soxr rounds the length down as well as up


def resampler() -> str:
    """Return the name of the library that `resample` uses: "torchaudio" or "soxr"."""
    return "torchaudio" if find_torchaudio() else "soxr"


def resampler_identity() -> dict[str, str]:
    """Return what a file made from resampled audio records: nothing of torchaudio, {"resampler": "soxr"} of soxr."""
    name = resampler()
    return {} if name == "torchaudio" else {"resampler": name}
