"""`timestamps`: the times of every word in its speech, by forced alignment."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter, create_artefact
from saladkit.formats.files import part_name, read_json
from saladkit.formats.samples import iterate_rows, row_at, words_to_row
from saladkit.formats.word_times import SCHEMA, VERSION, write_word_times
from saladkit.machine import available_cores, resolve_device
from saladkit.progress import progress
from saladkit.runtime import Run
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import read_samples
from saladkit.speech.aligners.aligner import Aligner, Alignment, Recording, align_spoken_forms, open_aligner
from saladkit.speech.aligners.in_processes import AlignerInProcesses
from saladkit.speech.audio.decoding import decode_row, seconds_of_row

ROWS_PER_PART = 512
SECONDS_AT_ONCE = 600.0  # decoded together, and handed to the aligner, which may hear those of one length in one batch
LOW_SCORE = 0.02
FLAGGED = "flagged.jsonl"


def timestamps(
    source: str,
    output: str | Path,
    *,
    aligner: str,
    language: str | None = None,
    min_score: float = LOW_SCORE,
    workers: int = 1,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    limit: int | None = None,
    num_shards: int = 1,
    shard_index: int = 0,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Align every row of `source` and write word times: ids and words, no audio.

    A row that cannot be aligned (its audio does not decode or is too short, its words have no pronunciation) is left
    out and listed in the manifest with the reason. A word that cannot be placed has no times; none is interpolated.
    Texts of an English `language` ("en", "en-us", None) are aligned as they are spoken, those of others as written.
    Rows whose text fits their audio with a score below `min_score` are kept, and listed in `flagged.jsonl`.

    Args:
        workers: processes of an aligner that uses one core alone; 0 for one a core. They import the script that calls,
            which must have its `if __name__ == "__main__"`.

    Returns:
        The summary: rows, rows left out, rows flagged, words, words with times, mean score.

    Raises:
        SaladError: unreadable samples, unknown aligner, or not one row that can be aligned.
    """
    run, language = Run("timestamps"), language or "en"
    opened = open_aligner(aligner, device=resolve_device(device), scored=min_score > 0)
    columns = {"needed": ["id", "text", "audio"], "optional": ["duration"], "lacking": ["audio"]}
    table = read_samples(source, **columns, names=names, limit=limit, beside=output)
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
            **{"aligner": aligner, "language": language, "engine": opened.identity, "min_score": min_score},
            **{"limit": limit, "columns": vars(names)},
        },
        inputs={"samples": source, "model": opened.model or ""},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None:
        return writer.finished
    run.workers = min(workers or available_cores(), table.num_rows) if opened.one_core else 1
    starts = range(0, table.num_rows, ROWS_PER_PART)
    parts = [part_name(index, len(starts), ".parquet") for index in range(len(starts))]
    records = [f"counts-{part.removesuffix('.parquet')}.json" for part in parts]
    bar = progress(None, total=table.num_rows, what="timestamps", unit="recording")
    with bar, AlignerInProcesses(opened, run.workers, scored=min_score > 0) as shared:
        for index, (part, record, start) in enumerate(zip(parts, records, starts, strict=True)):
            rows = table.slice(start, ROWS_PER_PART)
            if writer.has_all([record, part]):
                bar.update(rows.num_rows)
            elif index % num_shards == shard_index:
                times = _align_rows(rows, shared, language, source, bar.update)
                aligned = [row for row in times if "reason" not in row]
                skipped = [row for row in times if "reason" in row]
                with writer.writing(part) as aside:
                    write_word_times(aligned, aside)
                with writer.writing(record) as aside:
                    aside.write_text(json.dumps(_counts(aligned, min_score) | {"skipped": skipped}))
    if not writer.has_all([*records, *parts]):
        return run.summary({"shards_missing": True, "rows": table.num_rows})
    return _finish(run, writer, source, records, opened)


def _align_rows(
    rows: pa.Table, aligner: Aligner, language: str, source: str, aligned: Callable[[int], object]
) -> list[dict]:
    """For each row a row of word times, or its `id` and the `reason` why there is none; alike long ones together."""
    found: dict[int, dict] = {}
    lengths: dict[int, float] = {}
    for place, row in enumerate(iterate_rows(rows, batch_rows=1)):
        try:
            lengths[place] = seconds_of_row(row, source)
        except SaladError as error:
            found[place] = {"id": row["id"], "reason": error.problem}
    by_length = sorted(lengths, key=lambda place: (lengths[place], place))
    for group in _groups(by_length, lengths):
        recordings: dict[int, Recording] = {}
        for place in group:
            row = row_at(rows, place)
            try:
                recordings[place] = Recording(*decode_row(row, source), row["text"])
            except SaladError as error:
                found[place] = {"id": row["id"], "reason": error.problem}
        alignments = align_spoken_forms(aligner, list(recordings.values()), language)
        for place, alignment in zip(recordings, alignments, strict=True):
            found[place] = _row(rows.column("id")[place].as_py(), alignment, aligner)
        aligned(len(group))
    aligned(rows.num_rows - len(by_length))
    return [found[place] for place in range(rows.num_rows)]


def _groups(places: list[int], lengths: dict[int, float]) -> Iterator[list[int]]:
    """Runs of places of at most SECONDS_AT_ONCE together, or of one that is longer."""
    group: list[int] = []
    for place in places:
        if group and sum(lengths[other] for other in group) + lengths[place] > SECONDS_AT_ONCE:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _row(id_: str, alignment: Alignment | SaladError, aligner: Aligner) -> dict:
    if isinstance(alignment, SaladError):
        return {"id": id_, "reason": alignment.problem}
    return {"id": id_, "words": words_to_row(alignment.words), "aligner": aligner.name, "score": alignment.score}


def _counts(aligned: list[dict], min_score: float) -> dict:
    """What the summary needs of one shard, kept beside it so that a resumed run need not read it again."""
    scores = [row["score"] for row in aligned if row["score"] is not None]
    flagged = [row for row in aligned if row["score"] is not None and row["score"] < min_score]
    return {
        "rows": len(aligned),
        "words": sum(len(row["words"]) for row in aligned),
        "words_with_times": sum(word["start"] is not None for row in aligned for word in row["words"]),
        "rows_with_score": len(scores),
        "sum_of_scores": sum(scores),
        "flagged": [{"id": row["id"], "score": row["score"]} for row in flagged],
    }


def _finish(run: Run, writer: ArtefactWriter, source: str, records: list[str], aligner: Aligner) -> dict:
    shards = [read_json(writer.path / record) for record in records]
    skipped = [row for shard in shards for row in shard["skipped"]]
    flagged = [row for shard in shards for row in shard["flagged"]]
    counts = {key: sum(shard[key] for shard in shards) for key in ("rows", "words", "words_with_times")}
    if counts["rows"] == 0:
        writer.take_away()
        raise SaladError(
            f"no row of {source} could be aligned: {skipped[0]['reason']}",
            "Look at the texts, the audio and the aligner.",
        )
    with writer.writing(FLAGGED) as aside:
        aside.write_text("".join(json.dumps(row) + "\n" for row in flagged))
    counts["flagged"] = len(flagged)
    writer.finish(counts=counts, skipped=skipped, identity=aligner.identity)
    scored = sum(shard["rows_with_score"] for shard in shards)
    score = sum(shard["sum_of_scores"] for shard in shards) / scored if scored else None
    return run.summary(counts | {"skipped": len(skipped), "score": score}, writer)
