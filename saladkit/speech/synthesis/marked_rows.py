"""Heed the markup of rows before they are spoken: strip it from their texts, keep it, or skip the rows."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

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
    column of choices stays as it is.
    """
    columns = ["id", "text", *(["choices"] if settings.choices else [])]
    kinds: Counter[str] = Counter()
    skipped: list[dict] = []
    plain: list[pa.Array] = []
    given: list[pa.Array] = []
    spoken: list[bool] = []
    for batch in table.select(columns).to_batches(max_chunksize=AT_ONCE):
        texts: list[str] = []
        with_markup: list[str | None] = []
        for row in batch.to_pylist():
            found = without_markup(row["text"])
            of_row = sorted({*found.kinds, *(kind for choice in row.get("choices") or () for kind in _kinds(choice))})
            kinds.update(of_row)
            spoken.append(not (of_row and settings.markup == "skip"))
            if not spoken[-1]:
                skipped.append({"id": row["id"], "reason": f"it has markup ({', '.join(of_row)})", "check": "markup"})
            texts.append(found.text)
            with_markup.append(row["text"] if found.kinds else None)
        plain.append(pa.array(texts, table.schema.field("text").type))
        given.append(pa.array(with_markup, table.schema.field("text").type))
    rows = MarkedRows(table, kinds, skipped)
    if settings.markup == "skip" and skipped:
        return table.filter(pa.array(spoken)), rows
    if settings.markup == "strip" and any(column.null_count < len(column) for column in given):
        table = table.set_column(table.column_names.index("text"), "text", pa.chunked_array(plain))
        table = table.append_column(WITH_MARKUP, pa.chunked_array(given))
    return table, rows


def _kinds(text: str) -> tuple[str, ...]:
    return without_markup(text).kinds
