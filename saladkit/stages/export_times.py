"""`export-times`: write word times for other tools, as TextGrid files or as one CTM file."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.samples import LEFT_OUT, iterate_rows, words_from_row
from saladkit.formats.times_export import SCHEMA, VERSION
from saladkit.formats.word_times import holds_word_times, read_word_times
from saladkit.formats.words import Word
from saladkit.job import Job, Made, Work
from saladkit.progress import progress
from saladkit.settings.export_times import ExportTimesSettings
from saladkit.sources.samples import read_samples
from saladkit.sources.word_times import ctm
from saladkit.sources.word_times.files_by_id import file_name
from saladkit.sources.word_times.microseconds import microseconds
from saladkit.sources.word_times.textgrid import SUFFIX, textgrid

LONGEST_NAME = 170  # bytes; file systems take 255, and a file is first written under a longer name


def export_times(source: str, output: str | Path, settings: ExportTimesSettings) -> dict:
    """Write the words of every row of `source` with their times, rounded to microseconds.

    Words that the format cannot hold (words without times; in a TextGrid also words of zero length) are listed in
    `left-out.jsonl`, and rows that it cannot hold in the manifest, each with a reason.

    Args:
        source: word times, or samples with `words`. A TextGrid ends at the row's `duration`, if it is known.

    Returns:
        The summary: rows, rows left out, words written and words left out.

    Raises:
        SaladError: word times or samples cannot be read, or not one row can be written.
    """
    table = _read(source, settings.limit)
    words = pc.sum(pc.list_value_length(table.column("words"))).as_py()

    def make(work: Work) -> Made:
        left_out: list[dict] = []
        skipped: list[dict] = []
        counts = {"rows": 0, "words": 0, "words_left_out": 0}
        rows = _writable(table, settings.format, counts, left_out, skipped)
        write = _write_ctm if settings.format == "ctm" else _write_textgrids
        write(rows, work)
        if left_out:
            with work.writing(LEFT_OUT) as aside:
                aside.write_text("".join(json.dumps(word, ensure_ascii=False) + "\n" for word in left_out), "utf-8")
        return Made(counts=counts, skipped=skipped, figures=counts | {"skipped": len(skipped)})

    job = Job("export-times", SCHEMA, VERSION, settings, inputs={"times": source})
    return job.run(output, plan={"rows": table.num_rows, "words": words}, make=make)


def _read(source: str, limit: int | None) -> pa.Table:
    """Return rows with `id`, `words` and, if known, `duration`."""
    if holds_word_times(source):
        return read_word_times(source).slice(0, limit)
    return read_samples(source, needed=["id", "words"], optional=["duration"], limit=limit)


def _writable(table: pa.Table, kind: str, counts: dict, left_out: list[dict], skipped: list[dict]) -> Iterator[dict]:
    """Yield `id`, `words` (those with times) and `duration` of each row that can be written.

    Adds to `counts`, and lists other words in `left_out` and other rows in `skipped`. Raises a SaladError at the end if
    no row can be written.
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
        raise SaladError(
            f"no row can be written: {skipped[0]['reason']}", "Check that the words have times, in s and in order."
        )


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


def _write_ctm(rows: Iterator[dict], work: Work) -> None:
    with work.writing(ctm.NAME) as aside, open(aside, "w", encoding="utf-8", newline="\n") as stream:
        for row in rows:
            stream.write(ctm.ctm_lines(row["id"], row["words"]))


def _write_textgrids(rows: Iterator[dict], work: Work) -> None:
    for row in rows:
        name = file_name(row["id"], SUFFIX)
        if not work.has(name):
            with work.writing(name) as aside:
                aside.write_text(textgrid(row["words"], row["duration"]), "utf-8", newline="\n")
