"""Log-mel frames: the front end of the encoder that is trained from scratch. It has no weights and runs on the CPU."""

from dataclasses import dataclass

import numpy as np

from saladkit.speech.audio.mel_features import log_mel, overlap


@dataclass(frozen=True)
class LogMelFrontEnd:
    """Compute log-mel frames of 16 kHz speech, 100 a second, float16 [frames, bins]."""

    bins: int
    sample_rate: int = 16_000
    frames_per_second: int = 100

    @property
    def identity(self) -> dict:
        """Identity that a frames cache must match."""
        return {"name": "log-mel", "bins": self.bins, "sample_rate": self.sample_rate, "version": 1}

    @property
    def bytes_per_frame(self) -> int:
        """Size of a stored frame."""
        return 2 * self.bins

    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """As `FrontEnd.frames`; a recording shorter than one frame is padded with zeros."""
        return [self._frames_of_one(samples) for samples in recordings]

    def stream(self) -> "LogMelStream":
        """As `FrontEnd.stream`; a value may differ by one float16 step, because sums are rounded otherwise."""
        return LogMelStream(self)

    def frame_count(self, samples: int) -> int:
        """As `FrontEnd.frame_count`; an incomplete last frame is left out."""
        return max(1, samples * self.frames_per_second // self.sample_rate)

    def encoded_seconds(self, seconds: float) -> float:
        """As `FrontEnd.encoded_seconds`: no silence is added."""
        return seconds

    def _frames_of_one(self, samples: np.ndarray) -> np.ndarray:
        hop = self.sample_rate // self.frames_per_second
        if len(samples) < hop:
            samples = np.pad(samples, (0, hop - len(samples)))
        return log_mel(samples, self.sample_rate, n_mels=self.bins).astype(np.float16)


class LogMelStream:
    """Compute the log-mel frames of one recording that comes in pieces (`FrameStream`)."""

    def __init__(self, front_end: LogMelFrontEnd):
        """Begin a recording."""
        self._front_end = front_end
        self._hop = front_end.sample_rate // front_end.frames_per_second
        self._before = np.zeros(overlap(front_end.sample_rate), np.float32)
        self._waiting = np.zeros(0, np.float32)  # less than a hop
        self._has_frames = False

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """As `FrameStream.feed`."""
        samples = np.concatenate([self._waiting, samples])
        whole = len(samples) // self._hop * self._hop
        samples, self._waiting = samples[:whole], samples[whole:]
        frames = log_mel(samples, self._front_end.sample_rate, n_mels=self._front_end.bins, before=self._before)
        self._before = np.concatenate([self._before, samples])[-len(self._before) :]
        self._has_frames |= whole > 0
        return frames.astype(np.float16)

    def close(self) -> np.ndarray:
        """As `FrameStream.close`: an incomplete hop is left out, unless it is the whole recording."""
        missing = 0 if self._has_frames or not len(self._waiting) else self._hop - len(self._waiting)
        return self.feed(np.zeros(missing, np.float32))
