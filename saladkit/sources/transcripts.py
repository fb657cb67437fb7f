"""Texts of recordings as they are read: without marks that are no words."""

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.sources.marks import MAY_BE_MARKED, without_marks
from saladkit.sources.notes import note

# Columns beside which a text stays as it is: its words are counted, asked, or those of a conversation.
NO_TRANSCRIPTS = {"words", "choices", "messages"}


def are_transcripts(columns: list[str], audio: str = "audio") -> bool:
    """Whether a table with these columns holds texts of recordings."""
    return audio in columns and NO_TRANSCRIPTS.isdisjoint(columns)


def with_words_alone(table: pa.Table, where: str) -> pa.Table:
    """Return samples whose `text`, if they have any, has no marks; rows of marks alone are left out, which is said."""
    if "text" not in table.column_names:
        return table
    texts = table.column("text")
    if not pc.any(pc.match_substring_regex(texts, MAY_BE_MARKED)).as_py():
        return table
    before = texts.to_pylist()
    cleaned = [text and without_marks(text) for text in before]
    if cleaned == before:
        return table
    table = table.set_column(table.column_names.index("text"), "text", pa.array(cleaned, pa.string()))
    silent = [place for place, text in enumerate(cleaned) if text == "" and before[place]]
    if silent:
        first = table.column("id")[silent[0]].as_py()
        say_left_out(where, len(silent), f"rows hold no word but marks such as {before[silent[0]]}", first)
        table = table.filter(pa.array([text != "" or not old for text, old in zip(cleaned, before, strict=True)]))
    return table


def say_left_out(where: str, count: int, what: str, first: str | None) -> None:
    """Say on stderr that rows are left out: how many, `what` they are, and the first of them."""
    note(f"{where}: {count} {what}, and are left out; the first is '{first}'")
