"""A signal of phone posteriors: what a perfect front end would hear, for experiments that must not wait for one.

A frame has one share for each of `PHONES`; the shares of a frame sum to 1. Frames are stored as a recording, one
sample a share, so that everything that handles recordings handles these as well. Nobody can listen to it.
"""

import numpy as np

# The vowels and consonants of espeak-ng's English voices, by its own names, without stress and variants.
PHONES = (
    "_ p b t d k g tS dZ f v T D s z S Z h m n N l r w j i: I E a A: 0 O: U u: V 3: @ 3 eI aI OI aU oU A@ O@ e@ i@ U@"
).split()
WIDTH = len(PHONES)
FRAMES_PER_SECOND = 25
SAMPLE_RATE = WIDTH * FRAMES_PER_SECOND
_FULL_SHARE = 0.5  # the sample of a share of 1; at full scale it would pass for a clipped recording


def as_signal(frames: np.ndarray) -> np.ndarray:
    """Return frames of shares, [frames, phones], as the samples of a recording, float32 [frames * phones]."""
    return (frames * _FULL_SHARE).astype(np.float32).ravel()


def as_frames(samples: np.ndarray) -> np.ndarray:
    """Return the frames of a recording, float16 [frames, phones]: at least one, and no incomplete one."""
    whole = max(len(samples), WIDTH) // WIDTH * WIDTH
    samples = np.pad(samples[:whole], (0, max(0, whole - len(samples))))
    return (samples.reshape(-1, WIDTH) / _FULL_SHARE).astype(np.float16)
