"""Questions as a speech recognizer wrote them down: what the cascade reads."""

from functools import partial

from saladkit.scoring.conditions import Condition
from saladkit.scoring.kept_answers import KeptAnswers
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.transcribers.error_rates import character_error_rate
from saladkit.speech.transcribers.transcriber import Transcriber


def transcribe_questions(
    transcriber: Transcriber, rows: list[dict], condition: Condition, seed: int, where: str, kept: KeptAnswers
) -> list[dict]:
    """For each row its `id`, `text`, `transcript` and the transcript's character error rate, `cer`.

    Raises:
        SaladError: audio that cannot be heard.
    """

    def write(row: dict) -> list[str]:
        samples, rate = decode_row(row, where)
        if condition.perturbation is not None:
            samples = condition.perturbation.apply(samples, rate, row["id"], seed)
        return transcriber.transcribe([(samples, rate)])

    found = []
    for row in rows:
        (text,) = kept.of_batch([row["id"]], partial(write, row))
        rate = character_error_rate(row["text"], text)
        found.append({"id": row["id"], "text": row["text"], "transcript": text, "cer": rate})
    return found


def as_transcribed(rows: list[dict], transcripts: list[dict]) -> list[dict]:
    """The rows with their transcripts for their texts; without a word of transcript the question is a full stop."""
    written = {found["id"]: found["transcript"].strip() or "." for found in transcripts}
    return [row | {"said": row["text"], "text": written[row["id"]]} for row in rows]
