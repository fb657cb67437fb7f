"""The columns of a prediction that describe its question, and the record of a question without a prediction."""

from saladkit.scoring.conditions import Condition
from saladkit.scoring.requests import Request


def question_columns(row: dict, request: Request, condition: Condition, task: str) -> dict:
    """Return the columns of `formats.results.PREDICTIONS` that do not depend on the answer.

    In a cascade the `text` of `row` is a transcript, and its `said` the text of the recording.
    """
    return {
        "id": row["id"],
        "model": condition.model,
        "task": task,
        "modality": condition.modality_name,
        "domain": row.get("domain"),
        "speaker": row.get("speaker") if condition.needs_speech else None,
        "groups": row.get("groups"),
        "text": row.get("said", row["text"]),
        "choices": row.get("choices"),
        "answer": row.get("answer"),
        "reference": row.get("reference"),
        "context": request.context,
        "shots": request.shots,
        "words_dropped": request.words_dropped,
    }


def left_out_row(row: dict, source: str, condition: Condition) -> dict:
    """Return the record of a row of `source` whose prompt cannot be made short enough."""
    reason = f"{condition.name}: longer than the model's context, and cannot be cut"
    return {"id": row["id"], "source": source, "reason": reason}
