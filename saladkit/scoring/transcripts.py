"""Questions as a speech recognizer wrote them down: what the cascade reads."""

from saladkit.scoring.conditions import Condition
from saladkit.speech.audio import decode_row
from saladkit.speech.transcribers.transcriber import Transcriber, character_error_rate


def transcribe_questions(
    transcriber: Transcriber, rows: list[dict], condition: Condition, seed: int, where: str
) -> list[dict]:
    """For each row its `id`, `text`, `transcript` and the transcript's character error rate, `cer`.

    Raises:
        SaladError: audio that cannot be heard.
    """
    recordings = []
    for row in rows:
        samples, rate = decode_row(row, where)
        if condition.perturbation is not None:
            samples = condition.perturbation.apply(samples, rate, row["id"], seed)
        recordings.append((samples, rate))
    written = transcriber.transcribe(recordings)
    return [
        {"id": row["id"], "text": row["text"], "transcript": text, "cer": character_error_rate(row["text"], text)}
        for row, text in zip(rows, written, strict=True)
    ]


def as_transcribed(rows: list[dict], transcripts: list[dict]) -> list[dict]:
    """The rows with their transcripts for their texts; without a word of transcript the question is a full stop."""
    written = {found["id"]: found["transcript"].strip() or "." for found in transcripts}
    return [row | {"said": row["text"], "text": written[row["id"]]} for row in rows]
