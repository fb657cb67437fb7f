"""`export-times`: word times for other tools, as TextGrids or as one CTM."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter, create_artefact
from saladkit.formats.samples import LEFT_OUT, iterate_rows, words_from_row
from saladkit.formats.times_export import SCHEMA, VERSION
from saladkit.formats.word_times import holds_word_times, read_word_times
from saladkit.formats.words import Word
from saladkit.progress import progress
from saladkit.runtime import Run
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import read_samples
from saladkit.sources.word_times import ctm
from saladkit.sources.word_times.files_by_id import file_name
from saladkit.sources.word_times.microseconds import microseconds
from saladkit.sources.word_times.textgrid import SUFFIX, textgrid

LONGEST_NAME = 170  # bytes; file systems take 255, and a file is first written under a longer name


def export_times(
    source: str,
    output: str | Path,
    *,
    kind: str,
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Write the words of every row of `source` with their times, rounded to microseconds.

    Words that cannot stand in the format (without times; in a TextGrid also those without length) are listed in
    `left-out.jsonl`, rows that cannot in the manifest, each with the reason.

    Args:
        source: word times, or samples with `words`; a TextGrid ends where their `duration` does, if they have it.
        kind: `textgrid`, a file a row, or `ctm`, one file.

    Returns:
        The summary: rows, rows left out, words written and left out.

    Raises:
        SaladError: unreadable word times or samples, or not one row that can be written.
    """
    run = Run("export-times")
    table = _read(source, limit)
    if dry_run:
        words = pc.sum(pc.list_value_length(table.column("words"))).as_py()
        return run.summary({"dry_run": True, "rows": table.num_rows, "words": words})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="export-times",
        settings={"format": kind, "limit": limit},
        inputs={"times": source},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None:
        return writer.finished
    left_out: list[dict] = []
    skipped: list[dict] = []
    counts = {"rows": 0, "words": 0, "words_left_out": 0}
    rows = _writable(table, kind, counts, left_out, skipped)
    with writer.nothing_left_of_an_error():
        if kind == "ctm":
            _write_ctm(rows, writer)
        else:
            _write_textgrids(rows, writer)
    if left_out:
        with writer.writing(LEFT_OUT) as aside:
            aside.write_text("".join(json.dumps(word, ensure_ascii=False) + "\n" for word in left_out), "utf-8")
    writer.finish(counts=counts, skipped=skipped)
    return run.summary(counts | {"skipped": len(skipped)}, writer)


def _read(source: str, limit: int | None) -> pa.Table:
    """Rows with `id`, `words` and, where it is known, `duration`."""
    if holds_word_times(source):
        return read_word_times(source).slice(0, limit)
    return read_samples(source, needed=["id", "words"], optional=["duration"], limit=limit)


def _writable(table: pa.Table, kind: str, counts: dict, left_out: list[dict], skipped: list[dict]) -> Iterator[dict]:
    """`id`, `words` (all with times) and `duration` of the rows that can be written, counted; the rest is listed.

    Raises a SaladError at its end if there was not one.
    """
    for row in progress(iterate_rows(table), total=table.num_rows, what="export-times"):
        words = words_from_row(row)
        reasons = [_why_left_out(word, kind) for word in words]
        placed = [word for word, reason in zip(words, reasons, strict=True) if reason is None]
        why = _why_skipped(row["id"], placed, kind)
        if why:
            skipped.append({"id": row["id"], "reason": why})
            continue
        for index, (word, reason) in enumerate(zip(words, reasons, strict=True)):
            if reason:
                left_out.append({"id": row["id"], "index": index, "word": word.word, "reason": reason})
        counts["rows"] += 1
        counts["words"] += len(placed)
        counts["words_left_out"] += len(words) - len(placed)
        yield {"id": row["id"], "words": placed, "duration": row.get("duration")}
    if not counts["rows"]:
        raise SaladError(f"no row can be written: {skipped[0]['reason']}", "Look at the words and their times.")


def _why_left_out(word: Word, kind: str) -> str | None:
    if word.start is None or word.end is None:
        return "it has no times"
    start, end = microseconds(word.start), microseconds(word.end)
    return "it has no length" if kind == "textgrid" and start is not None and start == end else None


def _why_skipped(id_: str, placed: list[Word], kind: str) -> str | None:
    if not placed:
        return "no word of it has times"
    if kind == "textgrid" and len(file_name(id_, SUFFIX)) > LONGEST_NAME:
        return f"its id makes a file name of more than {LONGEST_NAME} characters"
    if kind == "ctm" and not id_:
        return "its id is empty, and a CTM is read by columns"
    reached = 0
    for word in placed:
        start, end = microseconds(word.start), microseconds(word.end)
        if start is None or end is None or start < 0 or end < start:
            return f"the times of {word.word!r} are {word.start} and {word.end} s"
        if kind == "textgrid" and start < reached:
            return f"{word.word!r} starts before the word before it ends, which a tier cannot hold"
        reached = end
    return None


def _write_ctm(rows: Iterator[dict], writer: ArtefactWriter) -> None:
    with writer.writing(ctm.NAME) as aside, open(aside, "w", encoding="utf-8", newline="\n") as stream:
        for row in rows:
            stream.write(ctm.ctm_lines(row["id"], row["words"]))


def _write_textgrids(rows: Iterator[dict], writer: ArtefactWriter) -> None:
    for row in rows:
        name = file_name(row["id"], SUFFIX)
        if not writer.has(name):
            with writer.writing(name) as aside:
                aside.write_text(textgrid(row["words"], row["duration"]), "utf-8", newline="\n")
