"""`cache-speech`: the frozen front of the speech encoder, once for every epoch and round."""

from pathlib import Path

from saladkit.formats.artefact import create_artefact, part_name
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.frames_cache import SCHEMA, VERSION, write_frames_part
from saladkit.formats.samples import check_ids_distinct, iterate_rows, read_samples
from saladkit.runtime import Run, progress
from saladkit.speech.front_end import LogMelFrontEnd

ROWS_PER_PART = 512


def cache_speech(
    sources: list[str],
    output: str | Path,
    *,
    encoder: str = "log-mel",
    bins: int = 80,
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    num_shards: int = 1,
    shard_index: int = 0,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Store the front-end frames of every recording in `sources`.

    Returns:
        The summary: rows and bytes.

    Raises:
        SaladError: samples that are none, or audio that cannot be heard.
    """
    run = Run("cache-speech")
    front_end = LogMelFrontEnd(bins=bins)
    columns = {"needed": ["id", "audio"], "optional": ["duration"], "names": names, "limit": limit}
    tables = [(source, read_samples(source, **columns)) for source in sources]
    check_ids_distinct(tables)
    if dry_run:
        return run.summary({"dry_run": True, **_plan([table for _, table in tables], front_end)})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="cache-speech",
        settings={"encoder": encoder, "bins": bins, "limit": limit, "columns": vars(names)},
        inputs={f"samples {index}": source for index, source in enumerate(sources)},
        overwrite=overwrite,
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
    with progress(None, total=total, what="cache-speech", unit="recording") as bar:
        for index, (source, part) in enumerate(parts):
            if index % num_shards != shard_index or writer.has_all(names_of_parts[index]):
                bar.update(part.num_rows)
                continue
            rows = []
            for row in iterate_rows(part.select(["id", "audio"])):
                rows.append(front_end.frames_of_row(row, source))
                bar.update()
            write_frames_part(writer.path / names_of_parts[index][0], part.column("id").to_pylist(), rows)
    if not writer.has_all(name for pair in names_of_parts for name in pair):
        return run.summary({"shards_missing": True, "rows": total})
    stored = sum((writer.path / name).stat().st_size for name in writer.files)
    writer.finish(
        counts={"rows": total},
        identity={"encoder": front_end.identity, "frames_per_second": front_end.frames_per_second},
    )
    return run.summary({"rows": total, "bytes": stored}, writer)


def _plan(tables: list, front_end: LogMelFrontEnd) -> dict:
    known = [table.column("duration").to_pylist() for table in tables if "duration" in table.column_names]
    seconds = sum(duration or 0.0 for durations in known for duration in durations)
    size = round(seconds * front_end.frames_per_second * front_end.bins * 2)
    return {"rows": sum(table.num_rows for table in tables), "seconds_of_speech": seconds, "bytes": size}
