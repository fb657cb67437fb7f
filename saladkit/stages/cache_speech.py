"""`cache-speech`: the frozen front of the speech encoder, once for every epoch and round."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.formats.artefact import create_artefact
from saladkit.formats.files import part_name
from saladkit.formats.frames_cache import SCHEMA, VERSION, frames_in_part, write_frames_part
from saladkit.formats.samples import iterate_rows, row_at
from saladkit.machine import resolve_device
from saladkit.progress import progress
from saladkit.runtime import Run
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import check_ids_distinct, read_samples
from saladkit.speech.audio.decoding import seconds_of_row
from saladkit.speech.audio.resampling import resampler_identity
from saladkit.speech.encoders.registry import LOG_MEL, open_front_end
from saladkit.speech.front_end import FrontEnd, heard_row

ROWS_PER_PART = 512


def cache_speech(
    sources: list[str],
    output: str | Path,
    *,
    encoder: str = LOG_MEL,
    bins: int = 80,
    codebooks: int = 8,
    layer: int | None = None,
    batch_seconds: float = 120.0,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    dtype: str = "float32",
    limit: int | None = None,
    num_shards: int = 1,
    shard_index: int = 0,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Store the front-end frames of every recording in `sources`.

    Args:
        encoder: `log-mel`, or a Hugging Face model; `bins`, `codebooks` and `layer` as `open_front_end` takes them.
        batch_seconds: audio that runs at once, padding included; one recording may be longer.

    Returns:
        The summary: rows, bytes, bytes per second of speech.

    Raises:
        SaladError: no such encoder, samples that are none, or audio that cannot be heard.
    """
    run = Run("cache-speech")
    runs = {"device": resolve_device(device), "dtype": dtype}
    front_end = open_front_end(encoder, bins=bins, codebooks=codebooks, layer=layer, **runs)
    columns = {"needed": ["id", "audio"], "optional": ["duration"], "names": names, "limit": limit, "beside": output}
    tables = [(source, read_samples(source, **columns)) for source in sources]
    check_ids_distinct(tables)
    if dry_run:
        return run.summary({"dry_run": True, **_plan(tables, front_end)})
    made_with = {"bins": bins} if encoder == LOG_MEL else {"codebooks": codebooks, "layer": layer, "dtype": dtype}
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="cache-speech",
        settings={"encoder": front_end.identity["name"], **made_with, "limit": limit, "columns": vars(names)}
        | resampler_identity(),
        inputs={f"samples {index}": source for index, source in enumerate(sources)}
        | {"speech encoder": None if encoder == LOG_MEL else encoder},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None:
        return writer.finished
    parts = [
        (source, table.slice(start, ROWS_PER_PART))
        for source, table in tables
        for start in range(0, table.num_rows, ROWS_PER_PART)
    ]
    names_of_parts = [
        [part_name(i, len(parts), suffix) for suffix in (".safetensors", ".parquet")] for i in range(len(parts))
    ]
    total = sum(table.num_rows for _, table in tables)
    frames_made = 0
    with progress(None, total=total, what="cache-speech", unit="recording") as bar:
        for index, (source, part) in enumerate(parts):
            if index % num_shards != shard_index or writer.has_all(names_of_parts[index]):
                bar.update(part.num_rows)
                continue
            rows = _frames_of_part(part, source, front_end, batch_seconds, bar.update)
            frames_made += sum(len(row) for row in rows)
            write_frames_part(writer.path / names_of_parts[index][0], part.column("id").to_pylist(), rows)
    heard = frames_made / front_end.frames_per_second
    speed = {"times_real_time": round(heard / max(run.seconds(), 0.01), 1)}
    if not writer.has_all(name for pair in names_of_parts for name in pair):
        return run.summary({"shards_missing": True, "rows": total, **speed})
    stored = sum((writer.path / name).stat().st_size for name in writer.files)
    frames = sum(frames_in_part(writer.path / tensors) for tensors, _ in names_of_parts)
    per_second = {"bytes_per_second_of_speech": round(stored / frames * front_end.frames_per_second, 1)}
    writer.finish(
        counts={"rows": total},
        identity={"encoder": front_end.identity, "frames_per_second": front_end.frames_per_second}
        | resampler_identity(),
    )
    return run.summary({"rows": total, "bytes": stored, **per_second, **speed}, writer)


def _frames_of_part(
    part: pa.Table, source: str, front_end: FrontEnd, batch_seconds: float, advance: Callable[[int], object]
) -> list[np.ndarray]:
    """The frames of a part's rows, in their order; recordings of about one length run together.

    A batch holds rows of one part, so that the bytes do not depend on which process makes which part.
    """
    part = part.select(["id", "audio"])
    recorded = (seconds_of_row(row, source) for row in iterate_rows(part, batch_rows=1))
    seconds = [_padded(length, front_end.window_seconds) for length in recorded]
    rows: dict[int, np.ndarray] = {}
    for batch in batches_by_length(seconds, batch_seconds):
        recordings = [heard_row(row_at(part, row), front_end.sample_rate, source) for row in batch]
        rows |= dict(zip(batch, front_end.frames(recordings), strict=True))
        advance(len(batch))
    return [rows[row] for row in range(part.num_rows)]


def _padded(seconds: float, window: float) -> float:
    return max(1, math.ceil(seconds / window)) * window if window else seconds


def batches_by_length(lengths: list[float], longest_batch: float) -> list[list[int]]:
    """Indices, sorted by length, in batches that padded are at most `longest_batch` long together, or hold one."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        if batches and (len(batches[-1]) + 1) * lengths[index] <= longest_batch:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _plan(tables: list[tuple[str, pa.Table]], front_end: FrontEnd) -> dict:
    seconds = sum(_seconds_of(table, source) for source, table in tables)
    size = round(seconds * front_end.frames_per_second * front_end.bytes_per_frame)
    return {"rows": sum(table.num_rows for _, table in tables), "seconds_of_speech": seconds, "bytes": size}


def _seconds_of(table: pa.Table, source: str) -> float:
    known = table.column("duration").to_pylist() if "duration" in table.column_names else [None] * table.num_rows
    return sum(
        seconds_of_row(row_at(table, row), source) if duration is None else duration
        for row, duration in enumerate(known)
    )
