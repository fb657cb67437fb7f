"""Read multiple-choice questions, and check every row."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST
from saladkit.formats.records import read_record
from saladkit.formats.samples import iterate_rows, words_from_row
from saladkit.rows.timed_speech import check_words
from saladkit.sources.benchmarks.named import NamedSource, named_source
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.sources.stored_audio import StoredAudio
from saladkit.speech.audio.audio_rows import AudioRows

ALTERNATIVE_NAMES = {"prompt": "text", "subject": "domain"}  # common names of our columns in files of questions
OPTIONAL = (
    *("reference", "text", "domain", "speaker", "lead", "trail", "cue", "letters", "excluded"),
    *ALTERNATIVE_NAMES,
)


def task_name(source: str) -> str:
    """Return the name of a task: the name of its benchmark, or else of its folder or file."""
    benchmark = named_source(source)
    if benchmark:
        return benchmark.name
    return Path(source).name.removesuffix(".parquet").removesuffix(".jsonl") or source


def benchmark_of(source: str) -> NamedSource | None:
    """Return the benchmark that the questions come from, also if `saladkit synth` has spoken them; None without one."""
    if (Path(source) / MANIFEST).is_file():
        source = read_record(Path(source) / MANIFEST).get("inputs", {}).get("samples", {}).get("path", source)
    return named_source(source)


def read_questions(
    source: str,
    *,
    speech: bool,
    names: ColumnNames,
    limit: int | None,
    spoken_options: bool = False,
    written: bool = False,
    open_ended: bool = False,
    beside: str | Path | None = None,
    audio: AudioRows | None = None,
    further: Sequence[str] = (),
) -> list[dict]:
    """Read rows with `text` or `prompt` (the question), `choices` and `answer` (the index of the right choice).

    An open question has no choices, and its right answer in words, `reference`. A row whose `excluded` has a reason is
    not to be answered, and is returned unchecked. Recordings stay where they are stored, until they are decoded.

    Args:
        speech: read the recordings as well, `audio`.
        spoken_options: with `speech`, read `choices_audio` as well, one recording for each choice.
        written: the answers are written: open questions are asked too. Otherwise they are excluded.
        open_ended: with `written`, accept rows that have neither choices nor a reference, and so no score.
        beside: as in `read_samples`.
        further: names of further columns to read where they exist.
        audio: where rows without a recording are listed; None for a rule that is not strict.

    Raises:
        SaladError: as `read_samples`; a row has fewer than two choices, an empty choice, or an answer out of range;
            all questions are open and no answers are written; or no row has a recording.
    """
    scored = ["choices", "answer"]
    needed = ["id"] if written else ["id", *scored]
    recordings = ["audio", *(["choices_audio"] if spoken_options else [])] if speech else []
    optional = [*(scored if written else []), *OPTIONAL, *further, *recordings]
    optional += ["duration", "words"] if speech else []
    table = read_samples(
        source, needed=needed, optional=optional, lacking=scored, names=names, limit=limit, beside=beside
    )
    question_column = names.text if names.text != "text" or "text" in table.column_names else "prompt"
    _check_recordings(table, audio or AudioRows(source), recordings, names, question_column)
    table = _with_text(table, source, names)
    rows = _rows(table)
    asks_silently = "audio" in table.column_names or named_source(source) is not None
    for row in rows:
        if not written and row.get("reference") and not row.get("choices") and not row.get("excluded"):
            row["excluded"] = "an open question, which is only asked with --generate"
        if row.get("excluded"):
            continue
        _check(row, source, written, open_ended, asks_silently)
        if speech and row.get("words"):
            check_words(row["id"], row["text"], words_from_row(row), row.get("duration"), source)
    if all(row.get("excluded") and row.get("reference") for row in rows):
        raise SaladError(f"{source} has open questions only, without choices to compare", "Add --generate.")
    return rows


def _with_text(table: pa.Table, source: str, names: ColumnNames) -> pa.Table:
    for theirs, ours in ALTERNATIVE_NAMES.items():
        if theirs in table.column_names and ours not in table.column_names:
            table = table.rename_columns([ours if c == theirs else c for c in table.column_names])
    if "text" not in table.column_names:
        raise SaladError(
            f"{source} has no column '{names.text}' or 'prompt'", "Name the column of the questions with --text-column."
        )
    return table


def _rows(table: pa.Table) -> list[dict]:
    """Return the rows as dicts, with `audio` as `StoredAudio`."""
    if "audio" not in table.column_names:
        return list(iterate_rows(table))
    recordings = table.column("audio")
    rows = iterate_rows(table.drop_columns(["audio"]))
    return [row | {"audio": StoredAudio(recordings, place)} for place, row in enumerate(rows)]


def _check_recordings(
    table: pa.Table, audio: AudioRows, columns: list[str], names: ColumnNames, question_column: str
) -> None:
    """List the rows without a recording; without a single one, the recordings are still to be made."""
    source = audio.source
    if "excluded" in table.column_names:
        table = table.filter(table.column("excluded").is_null())
    for column in columns:
        present = table.column(column).is_valid().to_pylist() if column in table.column_names else [False] * len(table)
        if column == "choices_audio" and all(present):  # one recording for each choice
            counts = [pc.list_value_length(table.column(name)).to_pylist() for name in ("choices", column)]
            present = [choices == spoken for choices, spoken in zip(*counts, strict=True)]
        for id_ in (id_ for id_, one in zip(table.column("id").to_pylist(), present, strict=True) if not one):
            further = " --choices" if column == "choices_audio" else ""
            further += f" --id-column {names.id}" if names.id != "id" else ""
            further += f" --text-column {question_column}" if question_column != "text" else ""
            error = SaladError(
                f"{source}: row '{id_}' has no {column}",
                f"Run `saladkit synth {source} -o {task_name(source)}-spoken --voice VOICE{further}`, then give"
                f" {task_name(source)}-spoken.",
            )
            if not any(present):
                raise error
            audio.leave_out(id_, error)


def _check(row: dict, source: str, written: bool, open_ended: bool, asks_silently: bool) -> None:
    """Check a question; if `asks_silently`, its recording may ask it alone, without a text."""
    choices = row.get("choices")
    row["text"] = row["text"] or ""
    if not row["text"].strip() and not (row.get("trail") or "").strip() and not asks_silently:
        raise SaladError(f"{source}: row '{row['id']}' has an empty text", "Remove the row or give it a text.")
    if not choices and (open_ended or (written and row.get("reference"))):
        return
    for column in ("choices", "answer"):
        if row.get(column) is None:
            raise SaladError(f"{source}: row '{row['id']}' has no {column}", "Remove the row or give it one.")
    if not isinstance(choices, list) or type(row["answer"]) is not int:
        raise SaladError(
            f"{source}: row '{row['id']}' has choices {choices!r} and answer {row['answer']!r}",
            "Give choices as a list of texts, and as answer the index of the right one, from 0.",
        )
    if len(choices) < 2 or not all((choice or "").strip() for choice in choices):
        raise SaladError(
            f"{source}: row '{row['id']}' has an empty choice or fewer than two",
            "Remove the row, or give it at least two choices with a text each.",
        )
    if not 0 <= row["answer"] < len(choices):
        raise SaladError(
            f"{source}: row '{row['id']}' has answer {row['answer']} of {len(choices)} choices",
            "Give the index of the right choice, from 0.",
        )
