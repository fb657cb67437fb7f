"""Perturb recordings: add noise, or change the speed."""

import zlib
from dataclasses import dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.speech.audio.resampling import resample

KINDS = ("snr", "speed")
NOISE_RATE = 16_000  # Hz


@dataclass(frozen=True)
class Perturbation:
    """Noise or a change of speed, by `kind`.

    With `snr`, `amount` is the ratio of speech to noise in dB. With `speed`, `amount` is the factor by which the
    recording is played faster, pitch included. The noise is white up to 8 kHz at any sample rate, so that a model that
    reads 16 kHz audio receives all of it.
    """

    kind: str
    amount: float

    @classmethod
    def parse(cls, text: str) -> "Perturbation":
        """Parse a perturbation such as `snr=10` or `speed=0.9`.

        Raises:
            SaladError: the kind is unknown, the amount is not finite, or a speed is not between 0.25 and 4 in
                hundredths.
        """
        kind, _, amount = text.partition("=")
        try:
            value = float(amount)
        except ValueError:
            value = np.nan
        if kind not in KINDS or not np.isfinite(value):
            raise SaladError(f"--perturb {text} is no perturbation", "Write snr=DECIBELS or speed=FACTOR.")
        hundredths = 100 * value
        if kind == "speed" and not (25 <= hundredths <= 400 and abs(hundredths - round(hundredths)) < 1e-6):
            raise SaladError(
                f"--perturb {text}: a speed is between 0.25 and 4, in hundredths", "Write a speed such as speed=0.9."
            )
        return cls(kind, value)

    @property
    def name(self) -> str:
        """Short name for conditions and files, such as `snr10` or `speed0.9`."""
        return f"{self.kind}{self.amount:g}"

    @property
    def stretch(self) -> float:
        """Factor that turns times in the recording into times in the perturbed recording."""
        return 1 / self.amount if self.kind == "speed" else 1.0

    def apply(self, samples: np.ndarray, rate: int, id_: str, seed: int) -> np.ndarray:
        """Perturb a recording: float32 [n] at `rate` Hz to float32 [n], or [n / speed].

        The noise of a row depends on `seed` and its `id_` alone.
        """
        if self.kind == "speed":
            return resample(samples, round(100 * self.amount), 100)
        random = np.random.default_rng([seed, 9, zlib.crc32(id_.encode())])
        power = np.mean(np.square(samples, dtype=np.float64))
        drawn = random.standard_normal(-(-len(samples) * NOISE_RATE // rate) + 1).astype(np.float32)
        noise = resample(drawn, NOISE_RATE, rate)[: len(samples)]
        wanted = np.sqrt(power / 10 ** (self.amount / 10) / np.mean(np.square(noise, dtype=np.float64)))
        return samples + (wanted * noise).astype(np.float32)
