"""Whether synthetic speech is fit to train on: what is measured of each recording, and the gate it has to pass."""

from dataclasses import dataclass

import numpy as np

# Speech takes 0.3 s and a second for every 15 bytes of its text: measured at 13 to 17 with espeak-ng's English at 175
# words a minute. In UTF-8 a Cyrillic letter has two bytes and a Chinese character three, and they take about as long.
_SECONDS_BESIDE_WORDS = 0.3
_BYTES_PER_SECOND = 15.0
_FRAME = 0.01  # s, of which a level is taken
_SILENCE_BELOW = 40.0  # dB under the loudest frame
_FULL_SCALE = 0.999
CHECKS = ("duration", "clipping", "silence", "level", "cer")


@dataclass(frozen=True)
class Measured:
    """What is measured of one recording of a text.

    `duration_ratio`: its length over what the text is expected to take. `clipped`: the share of samples at full scale.
    `silence`: its longest stretch (s) more than 40 dB under its loudest 10 ms. `level`: its mean power in dB of full
    scale. `cer`: the character error rate of a recognizer's transcript; None where nobody was asked.
    """

    duration_ratio: float
    clipped: float
    silence: float
    level: float
    cer: float | None = None


def expected_seconds(text: str) -> float:
    """How long a text is expected to take, in s, whoever speaks it."""
    return _SECONDS_BESIDE_WORDS + len(text.encode(errors="replace")) / _BYTES_PER_SECOND


def measure(samples: np.ndarray, sample_rate: int, text: str, cer: float | None = None) -> Measured:
    """Measure float32 [n], n > 0, in which `text` is spoken."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return Measured(
        duration_ratio=len(samples) / sample_rate / expected_seconds(text),
        clipped=float(np.mean(np.abs(samples) >= _FULL_SCALE)),
        silence=_longest_silence(samples, sample_rate),
        level=10 * np.log10(power) if power else -np.inf,
        cer=cer,
    )


def _longest_silence(samples: np.ndarray, sample_rate: int) -> float:
    frame = max(1, round(_FRAME * sample_rate))
    padded = np.pad(samples, (0, -len(samples) % frame)).reshape(-1, frame)
    power = np.mean(np.square(padded, dtype=np.float64), axis=1)
    loud = np.flatnonzero(power > power.max() / 10 ** (_SILENCE_BELOW / 10))
    if not len(loud):
        return len(samples) / sample_rate
    return float(np.diff(np.concatenate([[-1], loud, [len(power)]])).max() - 1) * frame / sample_rate


@dataclass(frozen=True)
class QualityGate:
    """Between what bounds a recording is kept; None takes a bound away.

    The defaults let pass every voice and rate of espeak-ng on the desk's texts; they catch what neural voices are
    known to do now and then: to stop early, to go on babbling, to fall silent.
    """

    duration_ratio: tuple[float, float] | None = (0.25, 3.0)
    clipped: float | None = 0.01
    silence: float | None = 2.0
    level: float | None = -50.0
    cer: float | None = None

    def refusal(self, measured: Measured) -> tuple[str, str] | None:
        """The first of `CHECKS` that `measured` does not pass, and what is wrong in words; None if it is kept."""
        ratio = measured.duration_ratio
        if self.duration_ratio and not self.duration_ratio[0] <= ratio <= self.duration_ratio[1]:
            return "duration", f"it is {ratio:.2f} times as long as expected of its text"
        if self.clipped is not None and measured.clipped > self.clipped:
            return "clipping", f"{100 * measured.clipped:.1f} % of its samples are clipped"
        if self.silence is not None and measured.silence > self.silence:
            return "silence", f"it is silent for {measured.silence:.2f} s"
        if self.level is not None and measured.level < self.level:
            return "level", f"its level is {measured.level:.1f} dB of full scale"
        if self.cer is not None and measured.cer is not None and measured.cer > self.cer:
            return "cer", f"it is understood with a character error rate of {measured.cer:.2f}"
        return None
