"""`timestamps`: find when each word is spoken, by forced alignment."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.files import part_name, read_json
from saladkit.formats.word_times import SCHEMA, VERSION, write_word_times
from saladkit.formats.words import words_of_text
from saladkit.job import Clock, Job, Made, Part, Work
from saladkit.machine import available_cores
from saladkit.settings.timestamps import TimestampsSettings
from saladkit.sources.samples import read_samples
from saladkit.speech.aligners.aligner import open_aligner
from saladkit.speech.aligners.in_processes import AlignerInProcesses
from saladkit.speech.aligners.rows import align_rows
from saladkit.speech.audio.audio_rows import AudioRows, audio_counts, check_usable

ROWS_PER_PART = 256  # of 15 s each: 4 minutes with sphinx, 6 with a CTC model on a CPU (docs/performance.md)
FLAGGED = "flagged.jsonl"


def timestamps(source: str, output: str | Path, settings: TimestampsSettings) -> dict:
    """Align the words of every row of `source` with its audio, and write word times (ids and words, no audio).

    A row that cannot be aligned (audio cannot be decoded or is too short, words have no pronunciation) is left out, and
    listed in the manifest with the reason. A word that cannot be aligned has no times; times are not interpolated.
    Numbers and abbreviations are written out before alignment if the language is English, the default. Rows whose text
    fits their audio with a score below `min_score` are kept, and listed in `flagged.jsonl`.

    With several `workers`, the calling script is imported again: protect its code by `if __name__ == "__main__"`.

    Returns:
        The summary: rows, rows left out, rows flagged, words, words with times, mean score.

    Raises:
        SaladError: samples cannot be read, the aligner does not exist, no row can be aligned, or the audio of most rows
            cannot be used, or with `strict` that of any row.
    """
    clock, language, scored = Clock(), settings.language or "en", settings.min_score > 0
    opened = open_aligner(settings.aligner, device=settings.device, scored=scored)
    table = read_samples(
        source,
        needed=["id", "text", "audio"],
        optional=["duration"],
        lacking=["audio"],  # a row without audio is listed as left out; it is not an error
        names=settings.names,
        limit=settings.limit,
        beside=output,
    )
    workers = min(settings.workers or available_cores(), table.num_rows) if opened.one_core else 1
    starts = range(0, table.num_rows, ROWS_PER_PART)
    pieces = [table.slice(start, ROWS_PER_PART) for start in starts]
    names = [part_name(index, len(pieces), ".parquet") for index in range(len(pieces))]
    parts = [Part((_counts_name(name), name), piece.num_rows) for name, piece in zip(names, pieces, strict=True)]

    def make(work: Work) -> Made:
        def fill(missing: Iterator[int]) -> None:
            with AlignerInProcesses(opened, workers, scored=scored) as aligner:
                try:
                    for index in missing:
                        audio = AudioRows(source, settings.strict)
                        rows = align_rows(pieces[index], aligner, language, audio, work.advance)
                        _write_part(work, names[index], rows, audio, settings.min_score)
                finally:
                    clock.peak_bytes_of_workers = max(clock.peak_bytes_of_workers, aligner.peak_memory_bytes)

        work.fill(parts, fill, unit="recording")
        return _made(work, names, AudioRows(source, settings.strict), opened.identity)

    inputs: dict[str, str | Path | None] = {"samples": source, "model": opened.model}
    identified = {"language": language, "engine": opened.identity}
    job = Job("timestamps", SCHEMA, VERSION, settings, inputs, identified=identified, clock=clock)
    return job.run(output, plan={"rows": table.num_rows}, make=make, foresee=lambda: _foreseen(table))


def _foreseen(table: pa.Table) -> dict:
    words = sum(len(words_of_text(text)) for text in table.column("text").to_pylist())
    known = table.column("duration").to_pylist() if "duration" in table.column_names else []
    return {"words": words, "seconds_of_speech": round(sum(duration or 0.0 for duration in known), 3)}


def _counts_name(part: str) -> str:
    return f"counts-{part.removesuffix('.parquet')}.json"


def _write_part(work: Work, name: str, rows: list[dict], audio: AudioRows, min_score: float) -> None:
    aligned = [row for row in rows if "reason" not in row]
    skipped = [row for row in rows if "reason" in row]
    with work.writing(name) as aside:
        write_word_times(aligned, aside)
    with work.writing(_counts_name(name)) as aside:
        aside.write_text(json.dumps(_counts(aligned, min_score) | {"skipped": skipped} | audio.record()))


def _counts(aligned: list[dict], min_score: float) -> dict:
    """Return the figures of a part for the summary; they are stored, so that a resumed run need not read the words."""
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


def _made(work: Work, names: list[str], audio: AudioRows, identity: dict) -> Made:
    parts = [read_json(work.path / _counts_name(name)) for name in names]
    skipped = [row for part in parts for row in part["skipped"]]
    flagged = [row for part in parts for row in part["flagged"]]
    counts = {key: sum(part[key] for part in parts) for key in ("rows", "words", "words_with_times")}
    for part in parts:
        audio.restore(part)
    if counts["rows"] == 0 and len(audio.bad) < len(skipped):
        work.discard()
        raise SaladError(
            f"no row of {audio.source} could be aligned: {skipped[0]['reason']}",
            "Check that the recordings speak these texts, and that --aligner supports their language.",
        )
    check_usable([(audio, counts["rows"] + len(skipped))], work.discard)
    with work.writing(FLAGGED) as aside:
        aside.write_text("".join(json.dumps(row) + "\n" for row in flagged))
    counts["flagged"] = len(flagged)
    scored = sum(part["rows_with_score"] for part in parts)
    score = sum(part["sum_of_scores"] for part in parts) / scored if scored else None
    counts |= audio_counts([audio])
    figures = counts | {"skipped": len(skipped), "score": score}
    return Made(counts=counts, skipped=skipped, identity=identity, figures=figures)
