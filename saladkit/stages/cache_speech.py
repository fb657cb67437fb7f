"""`cache-speech`: run the frozen part of the speech encoder once for all later training."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.batches import batches_by_length
from saladkit.formats.files import part_name, read_json, write_json
from saladkit.formats.frames_cache import SCHEMA, VERSION, frames_in_part, write_frames_part
from saladkit.formats.samples import iterate_rows, row_at
from saladkit.job import Clock, Job, Made, Part, Work, numbered
from saladkit.machine import resolve_device
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.shared import LOG_MEL
from saladkit.sources.samples import check_ids_distinct, read_samples
from saladkit.speech.audio.audio_rows import AudioRows, audio_counts, check_usable
from saladkit.speech.audio.resampling import resample
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.front_end import FrontEnd

ROWS_PER_PART = 512


def cache_speech(sources: list[str], output: str | Path, settings: CacheSpeechSettings) -> dict:
    """Store the frames of every recording in `sources`, the output of the speech encoder's front end.

    Rows whose audio cannot be used are left out, and listed in the manifest with the reason.

    Returns:
        The summary: rows, rows left out, bytes, bytes per second of speech.

    Raises:
        SaladError: there is no such encoder, samples cannot be read, or the audio of most rows cannot be used, or with
            `strict` that of any row.
    """
    clock = Clock()
    front_end = open_front_end(settings, device=resolve_device(settings.device), dtype=settings.dtype)
    # a row without audio is listed, and is no error
    read = partial(read_samples, needed=["id", "audio"], lacking=["audio"], optional=["duration"], beside=output)
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
                audio = AudioRows(source, settings.strict)
                rows = _frames_of_part(piece, audio, front_end, settings.batch_seconds, work.advance)
                frames_made += sum(len(row) for row in rows)
                if record := audio.record():
                    write_json(_record_of(work, index), record)
                write_frames_part(work.path / parts[index].files[0], audio.usable(piece).column("id").to_pylist(), rows)

        work.fill(parts, fill, unit="recording")
        found = _found(work, tables, [source for source, _ in pieces])
        frames = sum(frames_in_part(work.path / part.files[0]) for part in parts)
        speed = round(frames_made / front_end.frames_per_second / max(clock.seconds(), 0.01), 1)
        return _made(work, found, sum(piece.num_rows for _, piece in pieces), frames, front_end, speed)

    inputs = numbered("samples", sources) | {
        "speech encoder": None if settings.encoder == LOG_MEL else settings.encoder
    }
    identified = {"encoder": front_end.identity["name"]}
    job = Job("cache-speech", SCHEMA, VERSION, settings, inputs, identified=identified, clock=clock)
    plan = {"rows": sum(table.num_rows for _, table in tables)}
    return job.run(output, plan=plan, make=make, foresee=lambda: _foreseen(tables, front_end, settings.strict))


def _found(work: Work, tables: list[tuple[str, pa.Table]], source_of_part: list[str]) -> list[AudioRows]:
    """Return what was found out about the audio of each source; fail if most rows of one cannot be used."""
    found = {source: AudioRows(source) for source, _ in tables}
    for index, source in enumerate(source_of_part):
        record = _record_of(work, index)
        found[source].restore(read_json(record) if record.exists() else {})
    check_usable([(found[source], table.num_rows) for source, table in tables], work.discard)
    return list(found.values())


def _made(work: Work, found: list[AudioRows], rows: int, frames: int, front_end: FrontEnd, speed: float) -> Made:
    skipped = [row for audio in found for row in audio.listed()]
    counts, mended = {"rows": rows - len(skipped)}, audio_counts(found)
    figures = {
        "skipped": len(skipped),
        "bytes": work.bytes(),
        "bytes_per_second_of_speech": round(work.bytes() / frames * front_end.frames_per_second, 1),
        "times_real_time": speed,
    }
    identity = {"encoder": front_end.identity, "frames_per_second": front_end.frames_per_second}
    return Made(counts | mended, counts | figures | mended, skipped, identity)


def _record_of(work: Work, index: int) -> Path:
    """Return the file of what was found out about the audio of a part, if anything, until all parts are ready."""
    return work.writer.working / f"audio-{index}.json"


def _frames_of_part(
    part: pa.Table, audio: AudioRows, front_end: FrontEnd, batch_seconds: float, advance: Callable[[int], object]
) -> list[np.ndarray]:
    """Return the frames of the usable rows of a part, in order, computed in batches of recordings of similar length.

    A batch holds rows of one part only, so that the output does not depend on which process makes which part.
    """
    part = part.select(["id", "audio"])
    recorded = ((place, audio.seconds(row)) for place, row in enumerate(iterate_rows(part, batch_rows=1)))
    lengths = {place: _padded(length, front_end.window_seconds) for place, length in recorded if length is not None}
    places, rows = list(lengths), dict[int, np.ndarray]()
    advance(part.num_rows - len(places))
    for batch in batches_by_length(list(lengths.values()), padded=batch_seconds):
        decoded = {places[index]: audio.decode(row_at(part, places[index])) for index in batch}
        recordings = {place: resample(*one, front_end.sample_rate) for place, one in decoded.items() if one is not None}
        rows |= dict(zip(recordings, front_end.frames(list(recordings.values())) if recordings else [], strict=True))
        advance(len(batch))
    return [rows[place] for place in sorted(rows)]


def _padded(seconds: float, window: float) -> float:
    return max(1, math.ceil(seconds / window)) * window if window else seconds


def _foreseen(tables: list[tuple[str, pa.Table]], front_end: FrontEnd, strict: bool) -> dict:
    seconds = sum(_seconds_of(table, AudioRows(source, strict)) for source, table in tables)
    size = round(seconds * front_end.frames_per_second * front_end.bytes_per_frame)
    return {"seconds_of_speech": seconds, "bytes": size}


def _seconds_of(table: pa.Table, audio: AudioRows) -> float:
    known = table.column("duration").to_pylist() if "duration" in table.column_names else [None] * table.num_rows
    return sum(
        (audio.seconds(row_at(table, row)) or 0.0) if duration is None else duration
        for row, duration in enumerate(known)
    )
