"""The frozen front end of a speech encoder: it turns recordings into the frames that training reads, live or cached."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.frames_cache import EncodedSpeech
from saladkit.formats.samples import row_at
from saladkit.speech.audio.decoding import decode_row, seconds_of_row
from saladkit.speech.audio.resampling import resample


class FrameStream(Protocol):
    """A front end that is given one recording in pieces, of any lengths, while it is being recorded."""

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Return the frames, as `FrontEnd.frames`, that the next samples complete: none, one or several.

        Args:
            samples: float32 [n] at the front end's `sample_rate`; n may be 0.
        """
        ...

    def close(self) -> np.ndarray:
        """Return the frames that the end of the recording completes, if any."""
        ...


class FrontEnd(Protocol):
    """The frozen part of a speech encoder."""

    @property
    def identity(self) -> dict:
        """Identity that a frames cache must match."""
        ...

    @property
    def sample_rate(self) -> int:
        """Sample rate of the encoder's input, in Hz."""
        ...

    @property
    def frames_per_second(self) -> float:
        """Frame rate."""
        ...

    @property
    def bytes_per_frame(self) -> int:
        """Size of a frame on disk."""
        ...

    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """Compute the frames of recordings; those of one recording are, up to rounding, the same alone and in a batch.

        Args:
            recordings: float32 [n] at `sample_rate`; together they are one batch on the device.

        Returns:
            For each recording at least one frame: codes, uint16 [frames, codebooks], or else float16 [frames, width].
        """
        ...

    def stream(self) -> FrameStream:
        """Begin a recording whose samples come in pieces; all frames together are those of `frames`.

        Raises:
            SaladError: the encoder's frames depend on later samples.
        """
        ...

    def frame_count(self, samples: int) -> int:
        """Return how many frames `frames` computes of a recording of this many samples."""
        ...

    def encoded_seconds(self, seconds: float) -> float:
        """Return how many seconds of audio the encoder reads for a recording of this length, silence included."""
        ...


def looks_ahead(identity: dict) -> bool:
    """Return whether the frames of an encoder of this identity depend on later audio; log-mel's never do."""
    return not identity.get("causal", True)


def leak_of(name: str) -> str:
    """Return a note on what frames of whole recordings by the encoder `name`, which looks ahead, give away."""
    return (
        f"note: {name} is not causal: frames of whole recordings also depend on the words behind a span, which the"
        " model is to predict; encode each span alone with `saladkit cache-speech --layouts 3`"
    )


def resampled_row(row: dict, sample_rate: int, where: str) -> np.ndarray:
    """Return the audio of a samples row at `sample_rate` Hz, float32 [n]; `where` names the file in errors.

    Raises:
        SaladError: the row has no audio, or its audio does not decode, is empty or not finite.
    """
    samples, stored_rate = decode_row(row, where)
    return resample(samples, stored_rate, sample_rate)


def frames_of_row(front_end: FrontEnd, row: dict, where: str) -> np.ndarray:
    """Return the frames of a samples row's audio.

    Raises:
        SaladError: as `resampled_row`; and as `open_front_end`, if `front_end` loads its model at first use.
    """
    return front_end.frames([resampled_row(row, front_end.sample_rate, where)])[0]


def cut_audio(samples: np.ndarray, rate: int, bounds: tuple[float | None, float | None], to_rate: int) -> np.ndarray:
    """Cut a stretch out of a recording, float32 [n] at `rate` Hz, and return it at `to_rate` Hz; at least one sample.

    It is cut before it is resampled, because the filter would bring a little of what follows into the stretch.

    Args:
        bounds: begin and end in s; None for an end of the recording.
    """
    start, stop = bounds
    begin = 0 if start is None else min(int(start * rate), len(samples) - 1)
    end = len(samples) if stop is None else int(stop * rate)
    return resample(samples[begin : max(end, begin + 1)], rate, to_rate)


class LiveFrames:
    """Compute the frames of each recording from its audio when they are read."""

    def __init__(self, samples: pa.Table, front_end: FrontEnd, where: str):
        self.samples, self.front_end, self.where = samples.select(["id", "audio"]), front_end, where
        self.index = {id_: row for row, id_ in enumerate(samples.column("id").to_pylist())}

    def row(self, id_: str) -> np.ndarray:
        """Return the frames of the recording `id_`, as `FrontEnd.frames`."""
        return frames_of_row(self.front_end, self._row(id_), self.where)

    def seconds(self, id_: str) -> float:
        """Return the length of the recording `id_` in s."""
        return seconds_of_row(self._row(id_), self.where)

    def stretches(self, id_: str, bounds: Sequence[tuple[float | None, float | None]]) -> list[np.ndarray]:
        """Return the frames of stretches of the recording `id_`, as `cut_audio` cuts them, each encoded alone."""
        samples, rate = decode_row(self._row(id_), self.where)
        cut = [cut_audio(samples, rate, one, self.front_end.sample_rate) for one in bounds]
        return self.front_end.frames(cut) if cut else []

    def _row(self, id_: str) -> dict:
        return row_at(self.samples, self.index[id_])

    def length(self, id_: str) -> int:
        """Return the number of frames of a recording, which is encoded for it."""
        return len(self.row(id_))


def check_recordings(cache: EncodedSpeech, samples: pa.Table, where: str) -> None:
    """Check that a cache holds the recordings of `samples`.

    The ids are compared, and the lengths of the recordings where `samples` has the column `duration` (s).

    Raises:
        SaladError: a row is missing, or its recording lasts over 0.1 s more or less than the cache's.
    """
    remedy = f"Run `saladkit cache-speech {where}` and give its output as the cache."
    ids = samples.column("id").to_pylist()
    durations = samples.column("duration").to_pylist() if "duration" in samples.column_names else [None] * len(ids)
    for id_, duration in zip(ids, durations, strict=True):
        if id_ not in cache:
            raise SaladError(f"{cache.artefact.path} has no frames for row '{id_}' of {where}", remedy)
        cached = cache.seconds(id_)
        # Texts that another voice spoke anew have the same ids but other recordings. Frames last up to 0.025 s less
        # than their recording (wav2vec 2.0) or up to 0.08 s more (Mimi).
        if duration is not None and abs(cached - duration) > 0.1:
            raise SaladError(
                f"{cache.artefact.path} has {cached:.2f} s of frames for row '{id_}', which lasts {duration:.2f} s in"
                f" {where}: the frames are of another recording, or `duration` is not in seconds",
                remedy,
            )
