"""Recordings made harder to hear: noise, and another speed."""

import zlib
from dataclasses import dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.speech.audio.resampling import resample

KINDS = ("snr", "speed")
NOISE_RATE = 16_000  # Hz


@dataclass(frozen=True)
class Perturbation:
    """`snr`: noise so many dB below the recording. `speed`: played so many times as fast, pitch and all.

    The noise is white up to 8 kHz, whatever the recording's rate: a model that hears at 16 kHz hears all of it.
    """

    kind: str
    amount: float

    @classmethod
    def parse(cls, text: str) -> "Perturbation":
        """`snr=10` or `speed=0.9`.

        Raises:
            SaladError: another kind, no finite number, or a speed that is not in hundredths from 0.25 to 4.
        """
        kind, _, amount = text.partition("=")
        try:
            value = float(amount)
        except ValueError:
            value = np.nan
        if kind not in KINDS or not np.isfinite(value):
            raise SaladError(f"--perturb {text} is no perturbation", "Give snr=DECIBELS or speed=FACTOR.")
        hundredths = 100 * value
        if kind == "speed" and not (25 <= hundredths <= 400 and abs(hundredths - round(hundredths)) < 1e-6):
            raise SaladError(
                f"--perturb {text}: speeds go from 0.25 to 4 in hundredths", "Give a speed such as speed=0.9."
            )
        return cls(kind, value)

    @property
    def name(self) -> str:
        """`snr10`, `speed0.9`: what a condition is called after."""
        return f"{self.kind}{self.amount:g}"

    @property
    def stretch(self) -> float:
        """By what every time in the recording is multiplied."""
        return 1 / self.amount if self.kind == "speed" else 1.0

    def apply(self, samples: np.ndarray, rate: int, id_: str, seed: int) -> np.ndarray:
        """float32 [n] at `rate` Hz -> float32 [n, or n / speed]; a row's noise depends on the seed and its id alone."""
        if self.kind == "speed":
            return resample(samples, round(100 * self.amount), 100)
        random = np.random.default_rng([seed, 9, zlib.crc32(id_.encode())])
        power = np.mean(np.square(samples, dtype=np.float64))
        drawn = random.standard_normal(-(-len(samples) * NOISE_RATE // rate) + 1).astype(np.float32)
        noise = resample(drawn, NOISE_RATE, rate)[: len(samples)]
        wanted = np.sqrt(power / 10 ** (self.amount / 10) / np.mean(np.square(noise, dtype=np.float64)))
        return samples + (wanted * noise).astype(np.float32)
