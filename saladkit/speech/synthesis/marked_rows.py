"""Heed the markup of rows before they are spoken: strip it from their texts, keep it, or skip the rows."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from saladkit.formats.messages import heard_text, with_heard_text
from saladkit.formats.spoken_rows import WITH_MARKUP
from saladkit.settings.synth import SynthSettings
from saladkit.speech.normalizing.markup import without_markup

AT_ONCE = 4096  # texts that are Python strings at the same time


@dataclass(frozen=True)
class MarkedRows:
    """Rows with markup.

    Attributes:
        asked: all rows, those that are skipped among them.
        kinds: number of rows with each kind of markup.
        skipped: rows that are not spoken because of their markup, each with `id`, `reason` and `check`.
    """

    asked: pa.Table
    kinds: Counter[str]
    skipped: list[dict]

    def counts(self) -> dict:
        """Return the number of rows with each kind of markup, for manifest and summary; {} if no row has any."""
        return {"rows_with_markup": dict(sorted(self.kinds.items()))} if self.kinds else {}


def heed_markup(table: pa.Table, settings: SynthSettings) -> tuple[pa.Table, MarkedRows]:
    """Return the rows to speak, with the texts to speak, and what was found.

    With `settings.markup` "strip", a text without its markup takes the place of the text, so that models read what is
    spoken; the text as given is in a new column `WITH_MARKUP`. With `choices`, markup in choices counts as well; the
    column of choices stays as it is. In conversations, markup counts where users speak, and is stripped there.
    """
    if "messages" in table.column_names:
        return _heed_in_messages(table, settings)
    return _heed_in_texts(table, settings)


def _heed_in_messages(table: pa.Table, settings: SynthSettings) -> tuple[pa.Table, MarkedRows]:
    """Heed the markup in the texts, and bring the texts of conversations, which their messages hold, up to date."""
    given = table.column("messages")
    table, found = _heed_in_texts(table, settings)
    if settings.markup != "strip" or not found.kinds:
        return table, found
    plain = [turns and with_heard_text(turns, _plain) for turns in given.to_pylist()]
    texts = [
        text if turns is None else heard_text(turns)
        for turns, text in zip(plain, table.column("text").to_pylist(), strict=True)
    ]
    table = table.set_column(table.column_names.index("messages"), "messages", pa.array(plain, given.type))
    return table.set_column(table.column_names.index("text"), "text", pa.array(texts, pa.string())), found


def _plain(text: str) -> str:
    """Return a text without its markup, or as it is if it is markup alone."""
    return without_markup(text).text or text


def _heed_in_texts(table: pa.Table, settings: SynthSettings) -> tuple[pa.Table, MarkedRows]:
    found = MarkedRows(table, Counter(), [])
    kept: list[bool] = []
    plain: list[pa.Array] = []  # texts, by batch
    given: list[pa.Array] = []
    kind = table.schema.field("text").type
    for batch in table.select(["id", "text", *(["choices"] if settings.choices else [])]).to_batches(AT_ONCE):
        rows = batch.to_pylist()
        texts = [without_markup(row["text"]) for row in rows]
        for row, text in zip(rows, texts, strict=True):
            kept.append(_keep(row, {*text.kinds, *_kinds_of_choices(row)}, found, settings.markup))
        if any(text.kinds for text in texts):
            plain.append(pa.array([text.text for text in texts], kind))
            given.append(
                pa.array([row["text"] if text.kinds else None for row, text in zip(rows, texts, strict=True)], kind)
            )
        else:  # the texts are not copied
            plain.append(batch.column("text"))
            given.append(pa.nulls(len(rows), kind))
    if settings.markup == "skip" and found.skipped:
        return table.filter(pa.array(kept)), found
    if settings.markup == "strip" and any(column.null_count < len(column) for column in given):
        table = table.set_column(table.column_names.index("text"), "text", pa.chunked_array(plain, kind))
        table = table.append_column(WITH_MARKUP, pa.chunked_array(given, kind))
    return table, found


def _keep(row: dict, kinds: set[str], found: MarkedRows, markup: str) -> bool:
    """Count the markup of a row, and return whether the row is spoken; if not, list it."""
    found.kinds.update(kinds)
    if not kinds or markup != "skip":
        return True
    found.skipped.append({"id": row["id"], "reason": f"it has markup ({', '.join(sorted(kinds))})", "check": "markup"})
    return False


def _kinds_of_choices(row: dict) -> set[str]:
    return {kind for choice in row.get("choices") or () for kind in without_markup(choice).kinds}
