"""The loudness of a recording as people hear it (ITU-R BS.1770, in LUFS), set once for all of it."""

import numpy as np
import pyloudnorm

_BLOCK = 0.4  # s; the standard measures no less


def set_loudness(samples: np.ndarray, sample_rate: int, loudness: float) -> np.ndarray:
    """float32 [n] with one gain for all of it, such that it has `loudness` LUFS, or as near as no sample is clipped.

    Silence stays as it is; what is shorter than the standard's block of 0.4 s is repeated until it can be measured.
    """
    wanted = int(np.ceil(_BLOCK * sample_rate))
    measured = np.tile(samples, -(-wanted // len(samples))) if len(samples) < wanted else samples
    found = pyloudnorm.Meter(sample_rate, block_size=_BLOCK).integrated_loudness(measured.astype(np.float64))
    if not np.isfinite(found):  # silence
        return samples
    gain = min(10 ** ((loudness - found) / 20), 1 / float(np.max(np.abs(samples))))
    return (samples * gain).astype(np.float32)
