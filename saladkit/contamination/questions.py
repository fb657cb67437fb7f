"""Read the questions of an evaluation, with the answers that are right."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.sources.samples import read_samples


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        id: `SOURCE:id`.
        answer: the right choice, or the reference of an open question; None if it is not known.
    """

    id: str
    text: str
    choices: tuple[str, ...] = ()
    answer: str | None = None

    @property
    def wordings(self) -> list[tuple[str, str]]:
        """Pairs of id and wording: the question alone, and followed by each of its choices."""
        return [(self.id, f"{self.text} {ending}".strip()) for ending in ("", *self.choices)]


def read_questions(sources: tuple[str, ...]) -> list[Question]:
    """Read the questions of all sources.

    Raises:
        SaladError: a source has neither a column `text` nor `prompt`, or an empty question.
    """
    found = []
    for source in sources:
        rows = read_samples(source, needed=["id"], optional=["text", "prompt", "choices", "answer", "reference"])
        asked = next((name for name in ("text", "prompt") if name in rows.column_names), None)
        if asked is None:
            raise SaladError(
                f"{source} has no column 'text' or 'prompt'", "Give a file of questions, or samples with texts."
            )
        for row in rows.to_pylist():
            if not (row[asked] or "").strip():
                raise SaladError(
                    f"{source}: row '{row['id']}' has an empty {asked}", "Remove the row, or give it a text."
                )
            choices = tuple(choice or "" for choice in row.get("choices") or [])
            found.append(Question(f"{source}:{row['id']}", row[asked], choices, _right_answer(row, choices)))
    return found


def _right_answer(row: dict, choices: tuple[str, ...]) -> str | None:
    index = row.get("answer")
    if isinstance(index, int) and 0 <= index < len(choices):
        return choices[index]
    reference = row.get("reference")
    return reference if isinstance(reference, str) else None
