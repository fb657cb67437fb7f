"""Multiple-choice questions, read and checked."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.columns import ColumnNames
from saladkit.formats.samples import iterate_rows, read_samples, words_from_row
from saladkit.model.sources import check_words

OTHER_NAMES = {"prompt": "text", "subject": "domain"}  # what files of questions call our columns


def task_name(source: str) -> str:
    """A task is called after its folder or file."""
    return Path(source).name.removesuffix(".parquet").removesuffix(".jsonl") or source


def read_questions(
    source: str, *, speech: bool, names: ColumnNames, limit: int | None, spoken_options: bool = False
) -> list[dict]:
    """Rows with `text` or `prompt` (what is asked), `choices` and `answer` (the index of the right one).

    With `speech` each has its `audio`, and with `spoken_options` the `choices_audio`, one recording a choice.

    Raises:
        SaladError: as `read_samples`; fewer than two choices, an empty choice, an answer that is none of them.
    """
    needed = ["id", "choices", "answer", *(["audio"] if speech else [])]
    needed += ["choices_audio"] if speech and spoken_options else []
    optional = ["text", "domain", "speaker", "letters", *OTHER_NAMES]
    optional += ["duration", "words"] if speech else []
    table = read_samples(source, needed=needed, optional=optional, names=names, limit=limit)
    for theirs, ours in OTHER_NAMES.items():
        if theirs in table.column_names and ours not in table.column_names:
            table = table.rename_columns([ours if c == theirs else c for c in table.column_names])
    if "text" not in table.column_names:
        raise SaladError(
            f"{source} has no column '{names.text}' or 'prompt'", "Name the column of the questions with --text-column."
        )
    rows = list(iterate_rows(table))
    for row in rows:
        _check(row, source)
        if speech and row.get("words"):
            check_words(row["id"], row["text"], words_from_row(row), row.get("duration"), source)
    return rows


def _check(row: dict, source: str) -> None:
    choices = row["choices"]
    if not (row["text"] or "").strip():
        raise SaladError(f"{source}: row '{row['id']}' has an empty text", "Remove the row or give it a text.")
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
