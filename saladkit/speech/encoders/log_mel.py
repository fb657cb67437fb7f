"""Log-mel frames: the front end of the encoder that is trained from scratch. It has no weights and runs on the CPU."""

from dataclasses import dataclass

import numpy as np

from saladkit.speech.audio.mel_features import log_mel


@dataclass(frozen=True)
class LogMelFrontEnd:
    """Compute log-mel frames of 16 kHz speech, 100 a second, float16 [frames, bins]."""

    bins: int
    sample_rate: int = 16_000
    frames_per_second: int = 100
    window_seconds: float = 0.0

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

    def frame_count(self, samples: int) -> int:
        """As `FrontEnd.frame_count`; an incomplete last frame is left out."""
        return max(1, samples * self.frames_per_second // self.sample_rate)

    def _frames_of_one(self, samples: np.ndarray) -> np.ndarray:
        hop = self.sample_rate // self.frames_per_second
        if len(samples) < hop:
            samples = np.pad(samples, (0, hop - len(samples)))
        return log_mel(samples, self.sample_rate, n_mels=self.bins).astype(np.float16)
