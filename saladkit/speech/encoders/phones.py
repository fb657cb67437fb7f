"""The encoder of recordings that the voice `phones` makes: each holds the frames themselves."""

from dataclasses import dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.speech.phone_frames import FRAMES_PER_SECOND, SAMPLE_RATE, WIDTH, as_frames

_OFF = 0.5  # from the sum of a frame's shares, 1


@dataclass(frozen=True)
class PhonesFrontEnd:
    """Read phone posteriors, 25 frames a second, float16 [frames, 48]; no frame depends on later ones."""

    sample_rate: int = SAMPLE_RATE
    frames_per_second: float = FRAMES_PER_SECOND
    bytes_per_frame: int = 2 * WIDTH

    @property
    def identity(self) -> dict:
        """Identity that a frames cache must match."""
        return {
            "name": "phones",
            "width": WIDTH,
            "sample_rate": SAMPLE_RATE,
            "frames_per_second": FRAMES_PER_SECOND,
            "causal": True,
            "version": 1,
        }

    def encoded_seconds(self, seconds: float) -> float:
        """As `FrontEnd.encoded_seconds`."""
        return seconds

    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """As `FrontEnd.frames`.

        Raises:
            SaladError: a recording is one of sound.
        """
        for samples in recordings:
            _check(samples)
        return [as_frames(samples) for samples in recordings]

    def stream(self) -> "PhonesStream":
        """As `FrontEnd.stream`."""
        return PhonesStream()

    def frame_count(self, samples: int) -> int:
        """As `FrontEnd.frame_count`."""
        return max(1, samples // WIDTH)


class PhonesStream:
    """Read the frames of one recording that comes in pieces (`FrameStream`)."""

    def __init__(self) -> None:
        """Begin a recording."""
        self._waiting = np.zeros(0, np.float32)  # less than a frame
        self._has_frames = False

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """As `FrameStream.feed`."""
        _check(samples)
        samples = np.concatenate([self._waiting, samples])
        whole = len(samples) // WIDTH * WIDTH
        self._waiting = samples[whole:]
        self._has_frames |= whole > 0
        return as_frames(samples[:whole]) if whole else np.zeros((0, WIDTH), np.float16)

    def close(self) -> np.ndarray:
        """As `FrameStream.close`: an incomplete frame is left out, unless it is the whole recording."""
        missing = 0 if self._has_frames or not len(self._waiting) else WIDTH - len(self._waiting)
        return self.feed(np.zeros(missing, np.float32))


def _check(samples: np.ndarray) -> None:
    """Check that the shares of a recording's frames sum to about 1, as also noisy ones do; sound has a mean near 0."""
    if len(samples) >= WIDTH and abs(as_frames(samples).sum(axis=1, dtype=np.float32).mean() - 1) > _OFF:
        raise SaladError(
            "a recording has no phone posteriors, which the speech encoder phones reads",
            "Speak the texts by `saladkit synth --voice phones:en-us`, or choose an encoder of sound.",
        )
