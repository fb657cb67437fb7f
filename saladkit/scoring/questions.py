"""Multiple-choice questions, read and checked."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST
from saladkit.formats.files import read_json
from saladkit.formats.samples import iterate_rows, words_from_row
from saladkit.rows.training_sources import check_words
from saladkit.sources.benchmarks.named import NamedSource, named_source
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples

OTHER_NAMES = {"prompt": "text", "subject": "domain"}  # what files of questions call our columns


def task_name(source: str) -> str:
    """A task is called after its benchmark, or its folder or file."""
    benchmark = named_source(source)
    if benchmark:
        return benchmark.name
    return Path(source).name.removesuffix(".parquet").removesuffix(".jsonl") or source


def benchmark_of(source: str) -> NamedSource | None:
    """The benchmark whose questions these are, also after `saladkit synth` has spoken them."""
    if (Path(source) / MANIFEST).is_file():
        source = read_json(Path(source) / MANIFEST).get("inputs", {}).get("samples", {}).get("path", source)
    return named_source(source)


def read_questions(
    source: str,
    *,
    speech: bool,
    names: ColumnNames,
    limit: int | None,
    spoken_options: bool = False,
    open_ended: bool = False,
) -> list[dict]:
    """Rows with `text` or `prompt` (what is asked), `choices` and `answer` (the index of the right one).

    With `open_ended` there may be no choices. With `speech` each has its `audio`, and with `spoken_options` the
    `choices_audio`, one recording a choice. A row with `excluded`, a reason, is not to be asked.

    Raises:
        SaladError: as `read_samples`; fewer than two choices, an empty choice, an answer that is none of them.
    """
    needed = ["id"] if open_ended else ["id", "choices", "answer"]
    optional = [
        *(["choices", "answer"] if open_ended else []),
        "text",
        "domain",
        "speaker",
        "lead",
        "trail",
        "cue",
        "letters",
        "excluded",
        *OTHER_NAMES,
    ]
    optional += ["audio", "duration", "words", *(["choices_audio"] if spoken_options else [])] if speech else []
    table = read_samples(source, needed=needed, optional=optional, names=names, limit=limit)
    recordings = ["audio", *(["choices_audio"] if spoken_options else [])] if speech else []
    asked_by = names.text if names.text != "text" or "text" in table.column_names else "prompt"
    _check_recordings(table, source, recordings, names, asked_by)
    for theirs, ours in OTHER_NAMES.items():
        if theirs in table.column_names and ours not in table.column_names:
            table = table.rename_columns([ours if c == theirs else c for c in table.column_names])
    if "text" not in table.column_names:
        raise SaladError(
            f"{source} has no column '{names.text}' or 'prompt'", "Name the column of the questions with --text-column."
        )
    rows = list(iterate_rows(table))
    for row in rows:
        if row.get("excluded"):
            continue
        _check(row, source, open_ended)
        if speech and row.get("words"):
            check_words(row["id"], row["text"], words_from_row(row), row.get("duration"), source)
    return rows


def _check_recordings(table: pa.Table, source: str, columns: list[str], names: ColumnNames, asked_by: str) -> None:
    for column in columns:
        there = table.column(column).is_valid().to_pylist() if column in table.column_names else [False] * len(table)
        if column == "choices_audio" and all(there):  # one for each
            counts = [pc.list_value_length(table.column(name)).to_pylist() for name in ("choices", column)]
            there = [choices == spoken for choices, spoken in zip(*counts, strict=True)]
        if not all(there):
            further = " --choices" if column == "choices_audio" else ""
            further += f" --id-column {names.id}" if names.id != "id" else ""
            further += f" --text-column {asked_by}" if asked_by != "text" else ""
            raise SaladError(
                f"{source}: row '{table.column('id')[there.index(False)]}' has no {column}",
                f"`saladkit synth {source} -o {task_name(source)}-spoken --voice VOICE{further}` makes it; then give"
                f" {task_name(source)}-spoken.",
            )


def _check(row: dict, source: str, open_ended: bool) -> None:
    choices = row.get("choices")
    row["text"] = row["text"] or ""
    if not row["text"].strip() and not (row.get("trail") or "").strip():
        raise SaladError(f"{source}: row '{row['id']}' has an empty text", "Remove the row or give it a text.")
    if open_ended and not choices:
        return
    if not isinstance(choices, list) or type(row["answer"]) is not int:
        raise SaladError(
            f"{source}: row '{row['id']}' has choices {choices!r} and answer {row['answer']!r}",
            "Choices are a list of texts, the answer is the index of the right one, from 0.",
        )
    if len(choices) < 2 or not all((choice or "").strip() for choice in choices):
        raise SaladError(f"{source}: row '{row['id']}' has an empty choice or fewer than two", "Mend the row.")
    if not 0 <= row["answer"] < len(choices):
        raise SaladError(
            f"{source}: row '{row['id']}' has answer {row['answer']} of {len(choices)} choices",
            "The answer is the index of the right choice, from 0.",
        )
