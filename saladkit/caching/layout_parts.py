"""Make the parts of a layouts cache: draw the layouts of rows, and encode their speech spans, each alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from saladkit.batches import batches_by_length
from saladkit.caching.recording_parts import EncodedPart
from saladkit.formats.layouts_cache import StoredLayout, write_layouts_part
from saladkit.formats.samples import row_at
from saladkit.rows.interleaving import Span
from saladkit.rows.layouts import LaidOut, lay_out
from saladkit.rows.sequences import heard_between
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.speech.audio.audio_rows import AudioRows
from saladkit.speech.front_end import FrontEnd, cut_audio

ROWS_PER_BLOCK = 64  # of which the audio is held at once, so that spans of similar length share a batch


@dataclass(frozen=True)
class LayoutParts:
    """Makes the parts of a layouts cache."""

    front_end: FrontEnd
    tokenizer: PreTrainedTokenizerBase
    settings: CacheSpeechSettings

    def encode(self, part: pa.Table, audio: AudioRows, advance: Callable[[int], object]) -> EncodedPart:
        """Encode the layouts of the rows of a part whose audio can be used; list the others in `audio`.

        Args:
            part: rows with `id`, `text`, `audio` and `words`.
            advance: called with the number of rows that are done since the last call.
        """
        laid_out, too_long = lay_out(part, self.tokenizer, self.settings, audio.source)
        rows = []
        for begin in range(0, part.num_rows, ROWS_PER_BLOCK):
            block = range(begin, min(begin + ROWS_PER_BLOCK, part.num_rows))
            rows += self._block(part, [one for one in laid_out if one.row in block], audio)
            advance(len(block))
        frames = sum(len(of_span) for *_, layouts in rows for layout in layouts for of_span in layout.frames)
        return EncodedPart(frames, partial(write_layouts_part, rows=rows), too_long)

    def _block(
        self, part: pa.Table, laid_out: list[LaidOut], audio: AudioRows
    ) -> list[tuple[str, bytes, float, list[StoredLayout]]]:
        """Return id, digest, seconds and layouts of the rows and pieces whose audio can be used."""
        narrow = part.select(["id", "audio"])
        decoded = {row: audio.decode(row_at(narrow, row)) for row in sorted({one.row for one in laid_out})}
        usable = [(one, *heard) for one in laid_out if (heard := decoded[one.row]) is not None]
        rate = self.front_end.sample_rate
        cut = [
            cut_audio(samples, own_rate, heard_between(span, one.words), rate)
            for one, samples, own_rate in usable
            for layout in one.layouts
            for span in layout
            if span.is_speech
        ]
        frames = iter(self._encoded(cut))
        rows = []
        for one, samples, own_rate in usable:
            layouts = [_stored(layout, [next(frames) for span in layout if span.is_speech]) for layout in one.layouts]
            rows.append((part.column("id")[one.row].as_py(), one.digest, len(samples) / own_rate, layouts))
        return rows

    def _encoded(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """Return the frames of spans, encoded in batches of similar length."""
        rate = self.front_end.sample_rate
        lengths = [self.front_end.encoded_seconds(len(samples) / rate) for samples in recordings]
        found: dict[int, np.ndarray] = {}
        for batch in batches_by_length(lengths, padded=self.settings.batch_seconds):
            found |= zip(batch, self.front_end.frames([recordings[index] for index in batch]), strict=True)
        return [found[index] for index in range(len(recordings))]

    def seconds(self, table: pa.Table, audio: AudioRows) -> float:
        """Return how much speech the layouts of a table hear, in s, as far as the times of words tell it."""
        laid_out, _ = lay_out(table, self.tokenizer, self.settings, audio.source)
        spans = [(span, one.words) for one in laid_out for layout in one.layouts for span in layout if span.is_speech]
        bounds = [heard_between(span, words) for span, words in spans]
        return sum((stop or start or 0.0) - (start or 0.0) for start, stop in bounds)


def _stored(layout: list[Span], frames: list[np.ndarray]) -> StoredLayout:
    return StoredLayout([span.is_speech for span in layout], [span.end for span in layout], frames)
