"""`timestamps --times`: the times of every word as another tool found them."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import create_artefact
from saladkit.formats.files import part_name
from saladkit.formats.samples import iterate_rows, words_to_row
from saladkit.formats.word_times import SCHEMA, VERSION, write_word_times
from saladkit.progress import progress
from saladkit.runtime import Run
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import read_samples
from saladkit.sources.word_times.known_times import KnownTimes, open_times
from saladkit.speech.aligners.pairing import pair_words

ROWS_PER_PART = 4096


def import_times(
    source: str,
    output: str | Path,
    *,
    times: str,
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Give the words of every row of `source` the times that stand in `times`, and write word times.

    The rows need no audio. A row that finds no usable times is left out and listed in the manifest with the reason; a
    word of the text that finds none has no times.

    Args:
        times: KIND:PATH, as `formats.times` says.

    Returns:
        The summary: rows, rows left out, words, words with times, mean score; how many words of the import the texts
        do not have, and how many it marks as unknown.

    Raises:
        SaladError: unreadable samples or times, or not one row that finds its times.
    """
    run = Run("timestamps")
    table = read_samples(source, needed=["id", "text"], optional=["duration"], names=names, limit=limit)
    known = open_times(times, table.column("id").to_pylist())
    if dry_run:
        words = sum(len(text.split()) for text in table.column("text").to_pylist())
        return run.summary({"dry_run": True, "rows": table.num_rows, "words": words})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="timestamps",
        settings={"times": known.kind, "limit": limit, "columns": vars(names)},
        inputs={"samples": source, "times": known.path},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None:
        return writer.finished
    counts = dict.fromkeys(("rows", "words", "words_with_times", "words_not_in_text", "unknown_words"), 0)
    scores, skipped = [], []
    starts = range(0, table.num_rows, ROWS_PER_PART)
    with writer.nothing_left_of_an_error():
        with progress(None, total=table.num_rows, what="timestamps", unit="row") as bar:
            for index, start in enumerate(starts):
                rows = []
                for row in iterate_rows(table.slice(start, ROWS_PER_PART)):
                    bar.update()
                    try:
                        found, counted = _import_row(row, known)
                    except SaladError as error:
                        skipped.append({"id": row["id"], "reason": error.problem})
                        continue
                    rows.append(found)
                    for key, count in counted.items():
                        counts[key] += count
                # Rows are read again by a run that was cut off: it takes less time than to keep their counts would.
                part = part_name(index, len(starts), ".parquet")
                if rows and not writer.has(part):
                    with writer.writing(part) as aside:
                        write_word_times(rows, aside)
                scores += [row["score"] for row in rows if row["score"] is not None]
        if not counts["rows"]:
            raise SaladError(
                f"no row of {source} finds its times in {known.path}: {skipped[0]['reason']}",
                "Look at the ids, the texts and the times.",
            )
    writer.finish(counts=counts, skipped=skipped, identity=known.identity)
    score = sum(scores) / len(scores) if scores else None
    return run.summary(counts | {"skipped": len(skipped), "score": score}, writer)


def _import_row(row: dict, known: KnownTimes) -> tuple[dict, dict]:
    """A row of word times, and what it adds to the counts; a SaladError says why there is none."""
    placed = known.words_of(row["id"])
    if placed is None:
        raise SaladError(f"{known.path} has no times of this id", "Leave the row out, or align it.")
    if not placed:
        raise SaladError(f"{known.path} has this id, but no words of it", "Leave the row out, or align it.")
    paired = pair_words(row["text"], placed, row.get("duration"))
    scores = [word.score for word in paired.words if word.score is not None]
    score = sum(scores) / len(scores) if scores else None
    counted = {
        "rows": 1,
        "words": len(paired.words),
        "words_with_times": sum(word.start is not None for word in paired.words),
        "words_not_in_text": paired.not_in_text,
        "unknown_words": paired.unknown,
    }
    return {"id": row["id"], "words": words_to_row(paired.words), "aligner": known.kind, "score": score}, counted
