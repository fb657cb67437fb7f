"""`import-times`: take word times from files of another tool."""

import json
import math
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.files import part_name
from saladkit.formats.samples import LEFT_OUT, iterate_rows, words_to_row
from saladkit.formats.word_times import SCHEMA, VERSION, write_word_times
from saladkit.formats.words import words_of_text
from saladkit.job import Job, Made, Work
from saladkit.progress import progress
from saladkit.settings.import_times import ImportTimesSettings
from saladkit.sources.samples import read_samples
from saladkit.sources.word_times.known_times import KnownTimes, open_times
from saladkit.speech.aligners.pairing import Pairing, pair_words
from saladkit.speech.normalizing.spoken_form import RULES

ROWS_PER_PART = 4096
COUNTS = ("rows", "words", "words_with_times", "words_not_in_text", "unknown_words")


def import_times(source: str, output: str | Path, settings: ImportTimesSettings) -> dict:
    """Pair the words of every row of `source` with the times in `settings.times`, and write word times.

    The rows need no audio. A row without usable times is left out, and listed in the manifest with the reason. A word
    that is not paired has no times, and neither has one whose imported times cannot be; the latter are listed in
    `left-out.jsonl`.

    Returns:
        The summary: rows, rows left out, words, words with times, mean score, imported words that do not occur in the
        texts, imported words that are marked as unknown, and imported words whose times cannot be.

    Raises:
        SaladError: samples or times cannot be read, or no row has times.
    """
    table = read_samples(
        source, needed=["id", "text"], optional=["duration"], names=settings.names, limit=settings.limit
    )
    known = open_times(settings.times, table.column("id").to_pylist())

    def make(work: Work) -> Made:
        counts: dict[str, int] = dict.fromkeys(COUNTS, 0)
        skipped: list[dict] = []
        left_out: list[dict] = []
        scores: list[float] = []
        parts = math.ceil(table.num_rows / ROWS_PER_PART)
        for index in progress(range(parts), what="import-times", unit="part"):
            rows = list(_imported(table.slice(index * ROWS_PER_PART, ROWS_PER_PART), known, counts, skipped, left_out))
            # A resumed run pairs the rows of finished parts too: this is faster than to read counts stored beside them.
            name = part_name(index, parts, ".parquet")
            if rows and not work.has(name):
                with work.writing(name) as aside:
                    write_word_times(rows, aside)
            scores += [row["score"] for row in rows if row["score"] is not None]
        if not counts["rows"]:
            raise SaladError(
                f"no row of {source} has times in {known.path}: {skipped[0]['reason']}",
                "Check that the times were made for these ids and texts.",
            )
        if left_out:
            with work.writing(LEFT_OUT) as aside:
                aside.write_text("".join(json.dumps(word, ensure_ascii=False) + "\n" for word in left_out), "utf-8")
        spoken = {"rules": RULES, "num2words": version("num2words")}
        mean = sum(scores) / len(scores) if scores else None
        figures = counts | {"skipped": len(skipped), "times_left_out": len(left_out), "score": mean}
        return Made(counts=counts, skipped=skipped, identity=known.identity | {"spoken_form": spoken}, figures=figures)

    inputs: dict[str, str | Path | None] = {"samples": source, "times": known.path}
    job = Job("import-times", SCHEMA, VERSION, settings, inputs, identified={"kind": known.kind})
    return job.run(output, plan={"rows": table.num_rows}, make=make, foresee=lambda: {"words": _words_of(table)})


def _words_of(table: pa.Table) -> int:
    return sum(len(words_of_text(text)) for text in table.column("text").to_pylist())


def _imported(
    table: pa.Table, known: KnownTimes, counts: dict[str, int], skipped: list[dict], left_out: list[dict]
) -> Iterator[dict]:
    """Yield word times for each row that has some, and add to `counts`.

    List the other rows in `skipped`, and words whose times cannot be in `left_out`.
    """
    for row in iterate_rows(table):
        try:
            paired = _paired(row, known)
        except SaladError as error:
            skipped.append({"id": row["id"], "reason": error.problem})
            continue
        counts["rows"] += 1
        counts["words"] += len(paired.words)
        counts["words_with_times"] += sum(word.start is not None for word in paired.words)
        counts["words_not_in_text"] += paired.not_in_text
        counts["unknown_words"] += paired.unknown
        left_out += [{"id": row["id"], "word": one.word, "reason": one.reason} for one in paired.unusable]
        scores = [word.score for word in paired.words if word.score is not None]
        score = sum(scores) / len(scores) if scores else None
        yield {"id": row["id"], "words": words_to_row(paired.words), "aligner": known.kind, "score": score}


def _paired(row: dict, known: KnownTimes) -> Pairing:
    placed = known.words_of(row["id"])
    if not placed:
        raise SaladError(
            f"{known.path} has this id, but no words of it", "Leave the row out, or run `saladkit timestamps` on it."
        )
    return pair_words(row["text"], placed, row.get("duration"))
