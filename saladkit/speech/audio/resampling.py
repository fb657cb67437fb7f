"""Resample audio by a windowed sinc filter: the same samples on every machine, and without torch.

The filter is torchaudio's default one (a Hann window over six zero crossings on either side, cut off at 99 % of the
smaller Nyquist frequency). Beside `torchaudio.functional.resample` in float64 the samples agree to 1e-6; in float32
torchaudio's own filter is off by 1e-4. Torch is not used because loading it takes 0.7 GB in every worker process.
"""

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np

_ZERO_CROSSINGS = 6  # on either side of the filter's centre
_ROLL_OFF = 0.99  # where the filter ends, as a share of the smaller Nyquist frequency
_LARGEST_FILTER = 20_000_000  # numerator times denominator of the ratio: 141,120 from 22,050 to 16,000 Hz


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample float32 [n] at `from_rate` Hz to float32 [ceil(n * to_rate / from_rate)] at `to_rate` Hz.

    Rates that have little in common (44,099 and 16,000 Hz) are replaced by two smaller numbers of nearly the same
    ratio, as their filter would take gigabytes: pitch and length move by at most 1 in 9,000.
    """
    if from_rate == to_rate:
        return samples
    from scipy.signal import upfirdn

    down, up = _ratio(from_rate, to_rate)
    taps, delay = _filter(down, up)
    length = -(-len(samples) * up // down)
    found = upfirdn(taps, samples.astype(np.float32, copy=False), up, down)[delay : delay + length]
    return np.pad(found, (0, length - len(found)))  # the filter may end before the last sample does


class ResamplingStream:
    """Resample audio that comes in pieces: together the samples are those that `resample` returns for the whole.

    The filter looks ahead by six samples of the lower rate, so the last of these are given by `close`.
    """

    def __init__(self, from_rate: int, to_rate: int):
        """Begin a recording at `from_rate` Hz."""
        self._down, self._up = _ratio(from_rate, to_rate)
        self._taps, self._delay = _filter(self._down, self._up)
        self._kept = np.zeros(0, np.float32)  # input that output to come needs
        self._dropped = 0  # input samples before the kept ones, a multiple of `down`: whole periods of the filter
        self._given = 0  # output samples

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Return the output, float32 [m], that becomes final with the next samples, float32 [n]."""
        if self._down == self._up:
            return samples
        self._kept = np.concatenate([self._kept, samples])
        return self._give(self._length() - self._delay)

    def close(self) -> np.ndarray:
        """Return the rest of the output, float32 [m]."""
        return self._give(self._length())

    def _length(self) -> int:
        """Return how many output samples the input so far makes."""
        return -(-(self._dropped + len(self._kept)) * self._up // self._down)

    def _give(self, until: int) -> np.ndarray:
        """Return the output samples from the last one given to `until`."""
        count = until - self._given
        if count <= 0:
            return np.zeros(0, np.float32)
        from scipy.signal import upfirdn

        first = self._given + self._delay - self._dropped // self._down * self._up
        found = upfirdn(self._taps, self._kept, self._up, self._down)[first : first + count]
        self._given = until
        oldest = ((until + self._delay) * self._down - len(self._taps)) // self._up  # that the next output needs
        drop = max(0, oldest // self._down * self._down - self._dropped)
        self._kept, self._dropped = self._kept[drop:], self._dropped + drop
        return np.pad(found, (0, count - len(found)))  # as in `resample`


def _ratio(from_rate: int, to_rate: int) -> tuple[int, int]:
    """Return the ratio of two rates in whole numbers whose filter is not too large."""
    ratio = Fraction(from_rate, to_rate)
    ratio = ratio.limit_denominator(int((_LARGEST_FILTER / ratio) ** 0.5))
    return ratio.numerator, ratio.denominator


@lru_cache(maxsize=16)
def _filter(down: int, up: int) -> tuple[np.ndarray, int]:
    """Return the filter at `up` times the rate of the input, float32, and the output sample at which its centre is."""
    cut_off = min(down, up) * _ROLL_OFF / (down * up)  # in cycles per tap, times two
    half = math.ceil(_ZERO_CROSSINGS / cut_off)
    delay = -(-half // down)
    crossings = np.clip(cut_off * np.arange(-delay * down, half + 1), -_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = np.cos(math.pi / 2 * crossings / _ZERO_CROSSINGS) ** 2
    return (np.sinc(crossings) * window * cut_off * up).astype(np.float32), delay
