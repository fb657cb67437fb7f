"""Leave out texts that contain an evaluation question, or are similar to one."""

from collections.abc import Sequence

import numpy as np

from saladkit.errors import SaladError
from saladkit.selection.decontamination import Overlap
from saladkit.selection.left_out import LeftOut
from saladkit.sources.samples import read_samples

SAME_WORDS, SAME_MEANING = "words of the evaluation", "near the evaluation"


def read_wordings(sources: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return pairs of `SOURCE:id` and wording: each question alone, and followed by each of its choices.

    Raises:
        SaladError: a source has neither a column `text` nor `prompt`, or an empty question.
    """
    wordings = []
    for source in sources:
        rows = read_samples(source, needed=["id"], optional=["text", "prompt", "choices"])
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
            endings = ["", *(row.get("choices") or [])]
            wordings += [(f"{source}:{row['id']}", f"{row[asked]} {ending}".strip()) for ending in endings]
    return wordings


def leave_out_same_words(left_out: LeftOut, texts: Sequence[str], wordings: list[tuple[str, str]], ngram: int) -> int:
    """Leave out texts that share a run of words with a question; return how many questions are too short to compare."""
    overlap = Overlap(wordings, ngram)

    def shared(row: int) -> tuple[str, str | None] | None:
        found = overlap.find(texts[row])
        return None if found is None else (SAME_WORDS, found)

    left_out.leave_where(shared)
    return len(overlap.too_short)


def leave_out_near(
    left_out: LeftOut, distances: np.ndarray, nearest: np.ndarray, question_ids: list[str], cosine: float
) -> None:
    """Leave out texts whose cosine similarity to a question is at least `cosine`.

    Args:
        distances: cosine distance of each text to its nearest question, [N].
        nearest: index of that question in `question_ids`, [N].
    """

    def near(row: int) -> tuple[str, str | None] | None:
        return None if 1 - distances[row] < cosine else (SAME_MEANING, question_ids[nearest[row]])

    left_out.leave_where(near)
