"""What is heard of a recording's channels: their mean, unless they cancel each other; and samples at another scale."""

import numpy as np

from saladkit.speech.audio.damage import DamagedAudio

# Power of the mean, over what it would be if the channels had nothing in common: 1. Equal channels have their number,
# channels in opposite phase 0.
_CANCELLED = 0.1
_LOUDEST_FLOAT = 16.0  # 24 dB above full scale: what is louder was not stored in [-1, 1]
_FULL_SCALE_16 = 32768.0


def mix(channels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the mean of the channels, or the loudest channel if they are in opposite phase and their mean is near 0.

    Args:
        channels: float32 [n, channels].

    Returns:
        float32 [n], and whether it is one channel of several.
    """
    if channels.shape[1] == 1:
        return channels[:, 0], False
    mean = channels.mean(axis=1, dtype=np.float32)
    with np.errstate(invalid="ignore", over="ignore"):  # samples that are not finite, which the caller refuses
        powers, left = np.var(channels, axis=0, dtype=np.float64), np.var(mean, dtype=np.float64)
    unrelated = powers.sum() / channels.shape[1] ** 2
    if not 0 < unrelated < np.inf or left >= _CANCELLED * unrelated:
        return mean, False
    return channels[:, int(powers.argmax())], True


def at_full_scale(samples: np.ndarray, peak: float) -> tuple[np.ndarray, bool]:
    """Scale samples that were stored as floats with the values of 16-bit integers to [-1, 1].

    Args:
        samples: float32 of any shape.
        peak: largest absolute value of the whole recording.

    Returns:
        The samples, and whether they were scaled.

    Raises:
        DamagedAudio: the values fit neither [-1, 1] nor 16 bits.
    """
    if peak <= _LOUDEST_FLOAT or not np.isfinite(peak):
        return samples, False
    if peak > _FULL_SCALE_16:
        raise DamagedAudio(f"has samples up to {peak:.6g}: neither in [-1, 1] nor 16-bit values")
    return samples / np.float32(_FULL_SCALE_16), True
