"""What every prediction says of its question, however it was answered."""

from saladkit.scoring.conditions import Condition
from saladkit.scoring.prompts import Question


def about_question(row: dict, question: Question, condition: Condition, task: str) -> dict:
    """The columns of `formats.results.PREDICTIONS` that do not depend on the answer.

    A cascade's row has been written down by a recognizer; `said` is then what its recording says.
    """
    return {
        "id": row["id"],
        "model": condition.model,
        "task": task,
        "modality": condition.asked,
        "domain": row.get("domain"),
        "speaker": row.get("speaker") if condition.listens else None,
        "text": row.get("said", row["text"]),
        "choices": row.get("choices"),
        "answer": row.get("answer"),
        "context": question.context,
        "shots": question.shots,
        "words_dropped": question.words_dropped,
    }
