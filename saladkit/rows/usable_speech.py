"""Read the rows of a source of speech whose audio and word times can be used, and open their frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.formats.frames_cache import EncodedSpeech, FramesCache
from saladkit.formats.layouts_cache import LayoutsCache, holds_layouts
from saladkit.formats.word_times import join_word_times
from saladkit.rows.frame_sources import DrawnFrames, FrameSource, SpansAlone, StoredLayouts, WholeRecordings
from saladkit.rows.timed_speech import check_all_words, leave_out, leave_out_untimed, times_of
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.audio_rows import AudioRows
from saladkit.speech.front_end import FrontEnd, LiveFrames, check_recordings, looks_ahead


@dataclass(frozen=True)
class UsableSpeech:
    """The usable rows of a source of speech.

    Attributes:
        source: the source, with its weight.
        table: rows with `id`, `text` and `words`.
        frames: their recordings.
        unusable: the rows that cannot be used.
        read: reads the source again, as `read_samples`.
        front_end: encodes recordings.
    """

    source: WeightedPath
    table: pa.Table
    frames: FrameSource
    unusable: AudioRows
    read: Callable[..., pa.Table]
    front_end: FrontEnd

    @property
    def path(self) -> str:
        """Path of the source."""
        return self.source.path

    def whole_recordings(self) -> DrawnFrames:
        """Return frames of which any span can be cut; where layouts were drawn ahead, from the audio itself."""
        if not isinstance(self.frames, StoredLayouts):
            assert isinstance(self.frames, DrawnFrames)
            return self.frames
        table = self.read(needed=["id", "audio"], optional=[])
        usable = table.filter(pc.is_in(table.column("id"), self.table.column("id").combine_chunks()))
        return live_frames(usable, self.front_end, self.path)


def read_usable_speech(
    source: WeightedPath,
    front_end: FrontEnd,
    *,
    frames_caches: Sequence[str | Path] = (),
    word_times: Sequence[str | Path] = (),
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    strict: bool = False,
) -> UsableSpeech:
    """Read the usable rows of a source of speech; arguments and errors as `training_sources.open_speech`."""
    audio = AudioRows(source.path, strict)
    read = partial(read_samples, source.path, names=names, limit=limit)
    table, cache = _read_usable(read, audio, frames_caches, word_times)
    check_all_words(table, source.path)
    frames = _open_frames(cache, table, front_end, source.path)
    return UsableSpeech(source, table, frames, audio, read, front_end)


def _read_usable(
    read: Callable[..., pa.Table],
    audio: AudioRows,
    frames_caches: Sequence[str | Path],
    word_times: Sequence[str | Path],
) -> tuple[pa.Table, FramesCache | LayoutsCache | None]:
    """Read the rows that can be used, with the times of their words, and the cache of their frames if there is one."""
    wanted = set(read(needed=["id"], optional=[]).column("id").to_pylist())
    cache = next((cache for cache in map(_open_cache, frames_caches) if any(id_ in cache for id_ in wanted)), None)
    times = times_of(wanted, word_times)
    needed = ["id", "text", *([] if times else ["words"]), *([] if cache else ["audio"])]
    table = _usable(read(needed=needed, lacking=["audio"], optional=["duration"]), audio, times, cache)
    return join_word_times(table, times) if times else table, cache


def _usable(table: pa.Table, audio: AudioRows, times: str | Path | None, cache: EncodedSpeech | None) -> pa.Table:
    """Return the rows whose audio and word times can be used; list the others in `audio`.

    Without a cache, every recording is decoded to find them.
    """
    leave_out_untimed(table, audio, times)
    if cache is None:
        return audio.sift(table)
    leave_out(table, audio, cache.artefact.path, "frames", cache.artefact.manifest["skipped"])
    audio.check(table.num_rows)
    return audio.usable(table)


def _open_cache(path: str | Path) -> FramesCache | LayoutsCache:
    return LayoutsCache(path) if holds_layouts(path) else FramesCache(path)


def _open_frames(
    cache: FramesCache | LayoutsCache | None, samples: pa.Table, front_end: FrontEnd, where: str
) -> FrameSource:
    """Return the frames of samples: from a cache after a check that the cache is theirs, or else from their audio."""
    if cache is None:
        return live_frames(samples, front_end, where)
    cache.check_encoder(front_end.identity, "the model")
    check_recordings(cache, samples, where)
    return StoredLayouts(cache) if isinstance(cache, LayoutsCache) else WholeRecordings(cache)


def live_frames(samples: pa.Table, front_end: FrontEnd, where: str) -> DrawnFrames:
    """Return the frames of samples from their audio; each span alone if the encoder looks ahead."""
    live = LiveFrames(samples, front_end, where)
    return SpansAlone(live) if looks_ahead(front_end.identity) else WholeRecordings(live)
