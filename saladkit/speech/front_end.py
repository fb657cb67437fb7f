"""The frozen front of a speech encoder: audio -> frames that training reads again and again."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.frames_cache import FramesCache
from saladkit.speech.audio import decode_row, log_mel, resample


@dataclass(frozen=True)
class LogMelFrontEnd:
    """Log-mel frames of 16 kHz speech at 100/s, float16 [frames, bins]."""

    bins: int = 80
    sample_rate: int = 16_000
    frames_per_second: int = 100

    @property
    def identity(self) -> dict:
        """What a frames cache has to agree on."""
        return {"name": "log-mel", "bins": self.bins, "sample_rate": self.sample_rate, "version": 1}

    def frames(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Mono float32 samples at any rate -> frames; at least one."""
        heard = resample(samples, sample_rate, self.sample_rate)
        if len(heard) < self.sample_rate // self.frames_per_second:
            heard = np.pad(heard, (0, self.sample_rate // self.frames_per_second - len(heard)))
        return log_mel(heard, self.sample_rate, n_mels=self.bins).astype(np.float16)

    def frames_of_row(self, row: dict, where: str) -> np.ndarray:
        """Frames of a samples row's audio; `where` names the file in errors.

        Raises:
            SaladError: the row has no audio, or it does not decode, is empty or not finite.
        """
        return self.frames(*decode_row(row, where))


class LiveFrames:
    """Frames computed from the audio when they are asked for."""

    def __init__(self, samples: pa.Table, front_end: LogMelFrontEnd, where: str):
        self.samples, self.front_end, self.where = samples.select(["id", "audio"]), front_end, where
        self.index = {id_: row for row, id_ in enumerate(samples.column("id").to_pylist())}

    def row(self, id_: str) -> np.ndarray:
        """The frames of one recording, [frames, bins]."""
        row = self.samples.slice(self.index[id_], 1).to_pylist()[0]
        return self.front_end.frames_of_row(row, self.where)


def cached_frames(cache: FramesCache, samples: pa.Table, where: str) -> FramesCache:
    """The cache, after a check that it holds every row of `samples`, and the same recording where `duration` tells.

    Raises:
        SaladError: frames of a row are missing, or last more than 0.1 s more or less than its recording.
    """
    remedy = f"Run `saladkit cache-speech {where}` and give its output."
    ids = samples.column("id").to_pylist()
    durations = samples.column("duration").to_pylist() if "duration" in samples.column_names else [None] * len(ids)
    per_second = cache.identity["frames_per_second"]
    for id_, duration in zip(ids, durations, strict=True):
        if id_ not in cache:
            raise SaladError(f"{cache.artefact.path} has no frames for row '{id_}' of {where}", remedy)
        cached = cache.length(id_) / per_second
        # The same ids spoken anew, by another voice say, are other recordings. Whole frames are up to 0.02 s shorter.
        if duration is not None and abs(cached - duration) > 0.1:
            raise SaladError(
                f"{cache.artefact.path} has {cached:.2f} s of frames for row '{id_}', which lasts {duration:.2f} s in"
                f" {where}: they are of another recording, or `duration` is not in seconds",
                remedy,
            )
    return cache
