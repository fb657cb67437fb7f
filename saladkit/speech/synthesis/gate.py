"""Decide whether synthetic speech is fit for training: measure each recording, and refuse it outside the bounds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saladkit.settings.synth import Gate
from saladkit.speech.synthesis.expected_length import expected_seconds

_FRAME = 0.01  # s, for levels
_FRAMES_AT_ONCE = 6000  # a minute
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


def measure(samples: np.ndarray, sample_rate: int, text: str, cer: float | None = None) -> Measured:
    """Measure a recording of `text`: float32 [n], n > 0, in [-1, 1]."""
    frame = max(1, round(_FRAME * sample_rate))
    powers = _frame_powers(samples, frame)
    power = float(powers.sum()) * frame / len(samples)
    clipped = sum(int(np.count_nonzero(np.abs(block) >= _FULL_SCALE)) for block in _blocks(samples, frame))
    return Measured(
        duration_ratio=len(samples) / sample_rate / expected_seconds(text),
        clipped=clipped / len(samples),
        silence=_longest_silence(powers, frame) / sample_rate,
        level=10 * np.log10(power) if power else -np.inf,
        cer=cer,
    )


def _blocks(samples: np.ndarray, frame: int) -> Iterator[np.ndarray]:
    """Yield an hour of samples in blocks of whole frames, so that no copy of all of them is made."""
    size = frame * _FRAMES_AT_ONCE
    for begin in range(0, len(samples), size):
        yield samples[begin : begin + size]


def _frame_powers(samples: np.ndarray, frame: int) -> np.ndarray:
    """Return the mean power of each frame, float64; the last frame is filled up with zeros."""
    powers = []
    for block in _blocks(samples, frame):
        padded = np.pad(block, (0, -len(block) % frame)).reshape(-1, frame)
        powers.append(np.mean(np.square(padded, dtype=np.float64), axis=1))
    return np.concatenate(powers)


def _longest_silence(powers: np.ndarray, frame: int) -> float:
    """Return the length of the longest silence, in samples."""
    loud = np.flatnonzero(powers > powers.max() / 10 ** (_SILENCE_BELOW / 10))
    if not len(loud):
        return len(powers) * frame
    return float(np.diff(np.concatenate([[-1], loud, [len(powers)]])).max() - 1) * frame


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
