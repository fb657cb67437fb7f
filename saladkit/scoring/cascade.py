"""Transcribe spoken questions, for a cascade: its text LLM is given the transcripts."""

from functools import partial

from saladkit.scoring.conditions import Condition
from saladkit.scoring.partial_results import PartialResults
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.transcribers.error_rates import transcript_errors
from saladkit.speech.transcribers.transcriber import Transcriber


def transcribe_questions(
    transcriber: Transcriber, rows: list[dict], condition: Condition, seed: int, source: str, saved: PartialResults
) -> list[dict]:
    """Return `id`, `text`, `transcript` and character error rate `cer` of each row's recording.

    Args:
        condition: recordings are perturbed as it says before they are transcribed, with noise drawn by `seed`.
        source: where the rows were read, for errors.
        saved: transcripts that an interrupted run has saved.

    Raises:
        SaladError: a recording cannot be decoded.
    """

    def transcribe(row: dict) -> list[str]:
        samples, rate = decode_row(row, source)
        if condition.perturbation is not None:
            samples = condition.perturbation.apply(samples, rate, row["id"], seed)
        return transcriber.transcribe([(samples, rate)])

    found = []
    for row in rows:
        (transcript,) = saved.get_or_compute([row["id"]], partial(transcribe, row))
        text = row["text"]
        errors = transcript_errors([text, spoken_form(text, "en").text], transcript, "en")
        rate = None if errors is None else errors.rate
        found.append({"id": row["id"], "text": text, "transcript": transcript, "cer": rate})
    return found


def with_transcripts(rows: list[dict], transcripts: list[dict]) -> list[dict]:
    """Return the rows with their transcript as `text` and their own text as `said`.

    An empty transcript is replaced by a full stop, since a question must have a text.
    """
    written = {found["id"]: found["transcript"].strip() or "." for found in transcripts}
    return [row | {"said": row["text"], "text": written[row["id"]]} for row in rows]
