"""Set the loudness of a recording as people hear it (ITU-R BS.1770, in LUFS)."""

import numpy as np
import pyloudnorm

_BLOCK = 0.4  # s; the shortest signal that the standard measures


def set_loudness(samples: np.ndarray, sample_rate: int, loudness: float) -> np.ndarray:
    """Scale float32 [n] by one gain to `loudness` LUFS, or as near as possible without clipping.

    Silence is returned unchanged. To measure a recording shorter than the standard's block of 0.4 s, it is repeated.
    """
    wanted = int(np.ceil(_BLOCK * sample_rate))
    measured = np.tile(samples, -(-wanted // len(samples))) if len(samples) < wanted else samples
    found = pyloudnorm.Meter(sample_rate, block_size=_BLOCK).integrated_loudness(measured.astype(np.float64))
    if not np.isfinite(found):  # silence
        return samples
    gain = min(10 ** ((loudness - found) / 20), 1 / float(np.max(np.abs(samples))))
    return (samples * gain).astype(np.float32)
