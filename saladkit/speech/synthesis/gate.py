"""Decide whether synthetic speech is fit for training: measure each recording, and refuse it outside the bounds."""

from dataclasses import dataclass

import numpy as np

from saladkit.settings.synth import Gate

# Speech takes 0.3 s, and 1 s for every 15 bytes of its text: espeak-ng's English at 175 words a minute has 13 to 17. In
# UTF-8 a Cyrillic letter has two bytes and a Chinese character three, in proportion to the time that they take.
_SECONDS_BESIDE_WORDS = 0.3
_BYTES_PER_SECOND = 15.0
_FRAME = 0.01  # s, for levels
_SILENCE_BELOW = 40.0  # dB below the loudest frame
_FULL_SCALE = 0.999
CHECKS = ("duration", "clipping", "silence", "level", "cer")


@dataclass(frozen=True)
class Measured:
    """Measurements of one recording of a text.

    Attributes:
        duration_ratio: length of the recording over the length expected of its text.
        clipped: share of samples at full scale.
        silence: longest stretch (s) more than 40 dB below the loudest 10 ms.
        level: mean power in dB of full scale.
        cer: character error rate of a recognizer's transcript; None without a recognizer.
    """

    duration_ratio: float
    clipped: float
    silence: float
    level: float
    cer: float | None = None


def expected_seconds(text: str) -> float:
    """Estimate how long a text takes to speak, in s, in any voice and language."""
    return _SECONDS_BESIDE_WORDS + len(text.encode(errors="replace")) / _BYTES_PER_SECOND


def measure(samples: np.ndarray, sample_rate: int, text: str, cer: float | None = None) -> Measured:
    """Measure a recording of `text`: float32 [n], n > 0, in [-1, 1]."""
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


def refusal(gate: Gate, measured: Measured) -> tuple[str, str] | None:
    """Return the first of `CHECKS` that a recording fails, and the reason in words; None if it passes all."""
    ratio = measured.duration_ratio
    if gate.duration_ratio and not gate.duration_ratio[0] <= ratio <= gate.duration_ratio[1]:
        return "duration", f"it is {ratio:.2f} times as long as expected of its text"
    if gate.max_clipped is not None and measured.clipped > gate.max_clipped:
        return "clipping", f"{100 * measured.clipped:.1f} % of its samples are clipped"
    if gate.max_silence is not None and measured.silence > gate.max_silence:
        return "silence", f"it is silent for {measured.silence:.2f} s"
    if gate.min_level is not None and measured.level < gate.min_level:
        return "level", f"its level is {measured.level:.1f} dB of full scale"
    if gate.max_cer is not None and measured.cer is not None and measured.cer > gate.max_cer:
        return "cer", f"it is understood with a character error rate of {measured.cer:.2f}"
    return None
