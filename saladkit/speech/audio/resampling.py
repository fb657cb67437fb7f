"""Resample audio."""

from fractions import Fraction

import numpy as np

_LARGEST_FILTER = 20_000_000  # samples, of 8 bytes while it is made: 141,120 from 22,050 to 16,000 Hz


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
