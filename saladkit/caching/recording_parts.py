"""Make the parts of a frames cache: encode whole recordings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.batches import batches_by_length
from saladkit.formats.frames_cache import write_frames_part
from saladkit.formats.samples import iterate_rows, row_at
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.speech.audio.audio_rows import AudioRows
from saladkit.speech.audio.resampling import resample
from saladkit.speech.front_end import FrontEnd


@dataclass(frozen=True)
class EncodedPart:
    """A part that is ready to be written.

    Attributes:
        frames: number of its frames.
        write: writes it to a path (.safetensors).
        too_long: id and reason of each row that is too long and cannot be split.
    """

    frames: int
    write: Callable[[Path], None]
    too_long: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class RecordingParts:
    """Makes the parts of a frames cache."""

    front_end: FrontEnd
    settings: CacheSpeechSettings

    def encode(self, part: pa.Table, audio: AudioRows, advance: Callable[[int], object]) -> EncodedPart:
        """Encode the rows of a part whose audio can be used; list the others in `audio`.

        Args:
            part: rows with `id` and `audio`.
            advance: called with the number of rows that are done since the last call.
        """
        rows = self._frames(part.select(["id", "audio"]), audio, advance)
        ids = audio.usable(part).column("id").to_pylist()
        return EncodedPart(sum(len(row) for row in rows), partial(write_frames_part, ids=ids, rows=rows))

    def _frames(self, part: pa.Table, audio: AudioRows, advance: Callable[[int], object]) -> list[np.ndarray]:
        """Return the frames of the usable rows, in order, computed in batches of recordings of similar length.

        A batch holds rows of one part only, so that the output does not depend on which process makes which part.
        """
        front_end = self.front_end
        recorded = ((place, audio.seconds(row)) for place, row in enumerate(iterate_rows(part, batch_rows=1)))
        lengths = {place: front_end.encoded_seconds(length) for place, length in recorded if length is not None}
        places, rows = list(lengths), dict[int, np.ndarray]()
        advance(part.num_rows - len(places))
        for batch in batches_by_length(list(lengths.values()), padded=self.settings.batch_seconds):
            decoded = {places[index]: audio.decode(row_at(part, places[index])) for index in batch}
            recordings = {at: resample(*one, front_end.sample_rate) for at, one in decoded.items() if one is not None}
            found = front_end.frames(list(recordings.values())) if recordings else []
            rows |= dict(zip(recordings, found, strict=True))
            advance(len(batch))
        return [rows[place] for place in sorted(rows)]

    def seconds(self, table: pa.Table, audio: AudioRows) -> float:
        """Return how much speech a table holds, in s."""
        known = table.column("duration").to_pylist() if "duration" in table.column_names else [None] * table.num_rows
        return sum(
            (audio.seconds(row_at(table, row)) or 0.0) if duration is None else duration
            for row, duration in enumerate(known)
        )
