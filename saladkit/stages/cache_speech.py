"""`cache-speech`: run the frozen part of the speech encoder once for all later training."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.batches import batches_by_length
from saladkit.formats.files import part_name
from saladkit.formats.frames_cache import SCHEMA, VERSION, frames_in_part, write_frames_part
from saladkit.formats.samples import iterate_rows, row_at
from saladkit.job import Clock, Job, Made, Part, Work, numbered
from saladkit.machine import resolve_device
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.shared import LOG_MEL
from saladkit.sources.samples import check_ids_distinct, read_samples
from saladkit.speech.audio.decoding import seconds_of_row
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.front_end import FrontEnd, resampled_row

ROWS_PER_PART = 512


def cache_speech(sources: list[str], output: str | Path, settings: CacheSpeechSettings) -> dict:
    """Store the frames of every recording in `sources`, the output of the speech encoder's front end.

    Returns:
        The summary: rows, bytes, bytes per second of speech.

    Raises:
        SaladError: there is no such encoder, samples cannot be read, or audio cannot be decoded.
    """
    clock = Clock()
    front_end = open_front_end(settings, device=resolve_device(settings.device), dtype=settings.dtype)
    read = partial(read_samples, needed=["id", "audio"], optional=["duration"], beside=output)
    tables = [(source, read(source, names=settings.names, limit=settings.limit)) for source in sources]
    check_ids_distinct(tables)
    pieces = [
        (source, table.slice(start, ROWS_PER_PART))
        for source, table in tables
        for start in range(0, table.num_rows, ROWS_PER_PART)
    ]
    parts = [
        Part((part_name(i, len(pieces), ".safetensors"), part_name(i, len(pieces), ".parquet")), piece.num_rows)
        for i, (_, piece) in enumerate(pieces)
    ]

    def make(work: Work) -> Made:
        frames_made = 0

        def fill(missing: Iterator[int]) -> None:
            nonlocal frames_made
            for index in missing:
                source, piece = pieces[index]
                rows = _frames_of_part(piece, source, front_end, settings.batch_seconds, work.advance)
                frames_made += sum(len(row) for row in rows)
                write_frames_part(work.path / parts[index].files[0], piece.column("id").to_pylist(), rows)

        work.fill(parts, fill, unit="recording")
        speed = round(frames_made / front_end.frames_per_second / max(clock.seconds(), 0.01), 1)
        frames = sum(frames_in_part(work.path / part.files[0]) for part in parts)
        rows = sum(table.num_rows for _, table in tables)
        per_second = round(work.bytes() / frames * front_end.frames_per_second, 1)
        return Made(
            counts={"rows": rows},
            identity={"encoder": front_end.identity, "frames_per_second": front_end.frames_per_second},
            figures={
                "rows": rows,
                "bytes": work.bytes(),
                "bytes_per_second_of_speech": per_second,
                "times_real_time": speed,
            },
        )

    inputs = numbered("samples", sources) | {
        "speech encoder": None if settings.encoder == LOG_MEL else settings.encoder
    }
    identified = {"encoder": front_end.identity["name"]}
    job = Job("cache-speech", SCHEMA, VERSION, settings, inputs, identified=identified, clock=clock)
    plan = {"rows": sum(table.num_rows for _, table in tables)}
    return job.run(output, plan=plan, make=make, foresee=lambda: _foreseen(tables, front_end))


def _frames_of_part(
    part: pa.Table, source: str, front_end: FrontEnd, batch_seconds: float, advance: Callable[[int], object]
) -> list[np.ndarray]:
    """Return the frames of the rows of a part, in order, computed in batches of recordings of similar length.

    A batch holds rows of one part only, so that the output does not depend on which process makes which part.
    """
    part = part.select(["id", "audio"])
    recorded = (seconds_of_row(row, source) for row in iterate_rows(part, batch_rows=1))
    seconds = [_padded(length, front_end.window_seconds) for length in recorded]
    rows: dict[int, np.ndarray] = {}
    for batch in batches_by_length(seconds, padded=batch_seconds):
        recordings = [resampled_row(row_at(part, row), front_end.sample_rate, source) for row in batch]
        rows |= dict(zip(batch, front_end.frames(recordings), strict=True))
        advance(len(batch))
    return [rows[row] for row in range(part.num_rows)]


def _padded(seconds: float, window: float) -> float:
    return max(1, math.ceil(seconds / window)) * window if window else seconds


def _foreseen(tables: list[tuple[str, pa.Table]], front_end: FrontEnd) -> dict:
    seconds = sum(_seconds_of(table, source) for source, table in tables)
    size = round(seconds * front_end.frames_per_second * front_end.bytes_per_frame)
    return {"seconds_of_speech": seconds, "bytes": size}


def _seconds_of(table: pa.Table, source: str) -> float:
    known = table.column("duration").to_pylist() if "duration" in table.column_names else [None] * table.num_rows
    return sum(
        seconds_of_row(row_at(table, row), source) if duration is None else duration
        for row, duration in enumerate(known)
    )
