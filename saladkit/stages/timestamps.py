"""`timestamps`: the times of every word in its speech, by forced alignment."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter, create_artefact, part_name, read_json, write_json
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.samples import iterate_rows, read_samples, words_to_row
from saladkit.formats.word_times import SCHEMA, VERSION, write_word_times
from saladkit.runtime import Run, progress, resolve_device
from saladkit.speech.aligners.aligner import Aligner, align_spoken_form, open_aligner
from saladkit.speech.audio import decode_row

ROWS_PER_PART = 512


def timestamps(
    source: str,
    output: str | Path,
    *,
    aligner: str,
    language: str | None = None,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Align every row of `source` and write word times: ids and words, no audio.

    A row that cannot be aligned (its audio does not decode or is too short, its words have no pronunciation) is left
    out and listed in the manifest with the reason. A word that cannot be placed has no times; none is interpolated.
    Texts of an English `language` ("en", "en-us", None) are aligned as they are spoken, those of others as written.

    Returns:
        The summary: rows, rows left out, words, words with times, mean score.

    Raises:
        SaladError: unreadable samples, unknown aligner, or not one row that can be aligned.
    """
    run, language = Run("timestamps"), language or "en"
    opened = open_aligner(aligner, device=resolve_device(device))
    table = read_samples(source, needed=["id", "text", "audio"], optional=["duration"], names=names, limit=limit)
    if dry_run:
        words = sum(len(text.split()) for text in table.column("text").to_pylist())
        known = table.column("duration").to_pylist() if "duration" in table.column_names else []
        seconds = round(sum(duration or 0.0 for duration in known), 3)
        return run.summary({"dry_run": True, "rows": table.num_rows, "words": words, "seconds_of_speech": seconds})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="timestamps",
        settings={
            "aligner": aligner,
            "language": language,
            "engine": opened.identity,
            "limit": limit,
            "columns": vars(names),
        },
        inputs={"samples": source, "model": opened.model or ""},
        overwrite=overwrite,
    )
    if writer.finished is not None:
        return writer.finished
    starts = range(0, table.num_rows, ROWS_PER_PART)
    parts = [part_name(index, len(starts), ".parquet") for index in range(len(starts))]
    records = [f"counts-{part.removesuffix('.parquet')}.json" for part in parts]
    with progress(None, total=table.num_rows, what="timestamps", unit="recording") as bar:
        for part, record, start in zip(parts, records, starts, strict=True):
            rows = table.slice(start, ROWS_PER_PART)
            if writer.has_all([record, part]):
                bar.update(rows.num_rows)
                continue
            aligned, skipped = [], []
            for row in iterate_rows(rows):
                times = _align_row(row, opened, language, source)
                (skipped if "reason" in times else aligned).append(times)
                bar.update()
            write_json(writer.path / record, _counts(aligned) | {"skipped": skipped})
            writer.has(record)
            with writer.writing(part) as aside:
                write_word_times(aligned, aside)
    return _finish(run, writer, source, records, opened)


def _align_row(row: dict, aligner: Aligner, language: str | None, source: str) -> dict:
    """A row of word times, or the `id` and the `reason` why there is none."""
    try:
        words = align_spoken_form(aligner, *decode_row(row, source), row["text"], language)
    except SaladError as error:
        return {"id": row["id"], "reason": error.problem}
    scores = [word.score for word in words if word.score is not None]
    return {
        "id": row["id"],
        "words": words_to_row(words),
        "aligner": aligner.name,
        "score": sum(scores) / len(scores) if scores else None,
    }


def _counts(aligned: list[dict]) -> dict:
    """What the summary needs of one shard, kept beside it so that a resumed run need not read it again."""
    scores = [row["score"] for row in aligned if row["score"] is not None]
    return {
        "rows": len(aligned),
        "words": sum(len(row["words"]) for row in aligned),
        "words_with_times": sum(word["start"] is not None for row in aligned for word in row["words"]),
        "rows_with_score": len(scores),
        "sum_of_scores": sum(scores),
    }


def _finish(run: Run, writer: ArtefactWriter, source: str, records: list[str], aligner: Aligner) -> dict:
    shards = [read_json(writer.path / record) for record in records]
    skipped = [row for shard in shards for row in shard["skipped"]]
    counts = {key: sum(shard[key] for shard in shards) for key in ("rows", "words", "words_with_times")}
    if counts["rows"] == 0:
        raise SaladError(
            f"no row of {source} could be aligned: {skipped[0]['reason']}",
            "Look at the texts, the audio and the aligner.",
        )
    writer.finish(counts=counts, skipped=skipped, identity=aligner.identity)
    scored = sum(shard["rows_with_score"] for shard in shards)
    score = sum(shard["sum_of_scores"] for shard in shards) / scored if scored else None
    return run.summary(counts | {"skipped": len(skipped), "score": score}, writer)
