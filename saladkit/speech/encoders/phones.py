"""The encoder of recordings that the voice `phones` makes: each holds the frames themselves."""

from dataclasses import dataclass

import numpy as np

from saladkit.speech.phone_frames import FRAMES_PER_SECOND, PHONES, SAMPLE_RATE, as_frames


@dataclass(frozen=True)
class PhonesFrontEnd:
    """Read phone posteriors, 25 frames a second, float16 [frames, 48]; no frame depends on later ones."""

    sample_rate: int = SAMPLE_RATE
    frames_per_second: float = FRAMES_PER_SECOND
    bytes_per_frame: int = 2 * len(PHONES)
    window_seconds: float = 0.0

    @property
    def identity(self) -> dict:
        """Identity that a frames cache must match."""
        return {
            "name": "phones",
            "width": len(PHONES),
            "sample_rate": SAMPLE_RATE,
            "frames_per_second": FRAMES_PER_SECOND,
            "causal": True,
            "version": 1,
        }

    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """As `FrontEnd.frames`."""
        return [as_frames(samples) for samples in recordings]

    def stream(self) -> "PhonesStream":
        """As `FrontEnd.stream`."""
        return PhonesStream()

    def frame_count(self, samples: int) -> int:
        """As `FrontEnd.frame_count`."""
        return max(1, samples // len(PHONES))


class PhonesStream:
    """Read the frames of one recording that comes in pieces (`FrameStream`)."""

    def __init__(self) -> None:
        """Begin a recording."""
        self._waiting = np.zeros(0, np.float32)  # less than a frame
        self._has_frames = False

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """As `FrameStream.feed`."""
        samples = np.concatenate([self._waiting, samples])
        whole = len(samples) // len(PHONES) * len(PHONES)
        self._waiting = samples[whole:]
        self._has_frames |= whole > 0
        return as_frames(samples[:whole]) if whole else np.zeros((0, len(PHONES)), np.float16)

    def close(self) -> np.ndarray:
        """As `FrameStream.close`: an incomplete frame is left out, unless it is the whole recording."""
        missing = 0 if self._has_frames or not len(self._waiting) else len(PHONES) - len(self._waiting)
        return self.feed(np.zeros(missing, np.float32))
