"""Speak the choices of questions, each in the voice of its question."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.samples import is_text
from saladkit.formats.spoken_rows import CHOICES_AUDIO, CHOICES_KEYS
from saladkit.speech.normalizing.markup import without_markup
from saladkit.speech.synthesis.requests import Request
from saladkit.speech.synthesis.store import Recordings


def check_choices(table: pa.Table, source: str) -> None:
    """Check the column `choices`; `source` names the file in errors.

    Raises:
        SaladError: the column does not hold lists of texts, or a choice has no text.
    """
    column = table.column("choices")
    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    if not is_list or not is_text(column.type.value_type):
        raise SaladError(
            f"{source}: the column choices holds {column.type}, not lists of texts", "Give each row a list of texts."
        )
    if pc.list_flatten(column).null_count:
        raise SaladError(f"{source}: some choices have no text", "Give every choice a text, or remove the choice.")


def with_choices(
    rows: list[dict], requests: list[Request], choices: list[list[str]], recordings: Recordings, markup: str
) -> list[dict]:
    """Add recordings of the choices to spoken rows.

    Args:
        rows: what `Recordings.of_rows` returned for `requests`.
        choices: the texts of each row's choices.
        markup: as in `SynthSettings`; with "strip", choices are spoken without their markup.

    Returns:
        The rows. A row with a choice that cannot be spoken is replaced by its `id` and `reason`.
    """
    every = [
        (
            place,
            replace(
                requests[place],
                id=f"{requests[place].id}/{i}",
                text=without_markup(text).text if markup == "strip" else text,
            ),
        )
        for place, of_row in enumerate(choices)
        for i, text in enumerate(of_row)
    ]
    spoken = recordings.of_choices([request for _, request in every])
    found: list[dict] = [row if "reason" in row else row | {CHOICES_AUDIO: [], CHOICES_KEYS: []} for row in rows]
    for (place, request), choice in zip(every, spoken, strict=True):
        row = found[place]
        if "reason" in row:
            continue
        if "reason" in choice:
            found[place] = choice | {"id": requests[place].id, "reason": f"choice {request.id}: {choice['reason']}"}
        else:
            row[CHOICES_AUDIO].append(choice["audio"])
            row[CHOICES_KEYS].append(choice["speech_key"])
    return found
