"""Leave out texts that contain an evaluation question, are similar to one, or hold the fact that it asks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saladkit.contamination.answer_facts import AnswerFacts
from saladkit.contamination.overlap import Overlap, note_not_judged
from saladkit.contamination.questions import Question
from saladkit.errors import SaladError
from saladkit.machine import resolve_device
from saladkit.progress import say
from saladkit.selection.known_pool import KnownPool
from saladkit.selection.left_out import LeftOut
from saladkit.settings.select import Filters

SAME_WORDS, SAME_MEANING, SAME_FACT = "words of the evaluation", "near the evaluation", "fact of the evaluation"
SAMPLED = 10_000  # texts of a pool that tell which words are common
SHOWN = 5  # chosen texts that the summary names


@dataclass(frozen=True)
class EvaluationFilter:
    """The questions of `--decontaminate`, at least one, and what is known of them in a pool."""

    questions: list[Question]
    texts: Sequence[str]
    settings: Filters
    device: str

    def leave_out(self, left_out: LeftOut, known: KnownPool, *, embed: bool) -> dict[str, int]:
        """Leave out texts, and return how many questions there are, and how many are not looked for.

        Args:
            embed: whether to apply `decontaminate_cosine`, which embeds the questions and takes time.

        Raises:
            SaladError: the embedder of the regions has changed, or `decontaminate_answers` knows no question's fact.
        """
        wordings = [wording for question in self.questions for wording in question.wordings]
        overlap = Overlap(wordings, self.settings.ngram)
        if overlap.not_judged:
            say(f"select: {note_not_judged(overlap, len(self.questions))}")
        left_out.leave_where(lambda row: _found(SAME_WORDS, overlap.find(self.texts[row])))
        further: dict[str, int] = {}
        if self.settings.decontaminate_answers:
            facts = self.facts()
            further = {"questions_without_known_fact": len(facts.not_judged)}
            if facts.not_judged == {question.id for question in self.questions}:
                raise SaladError(
                    "--decontaminate-answers knows the fact of no question, such as"
                    f" {self.questions[0].id}: no answer, or common words alone",
                    "Give questions with `choices` and `answer`, or with a `reference`; or leave the option out.",
                )
            left_out.leave_where(lambda row: _found(SAME_FACT, facts.find(self.texts[row])))
        if embed and self.settings.decontaminate_cosine is not None:
            distances, nearest = known.nearest_of([text for _, text in wordings], resolve_device(self.device))
            ids = [id_ for id_, _ in wordings]
            leave_out_near(left_out, distances, nearest, ids, self.settings.decontaminate_cosine)
        return {"questions": len(self.questions), "questions_not_looked_for": len(overlap.not_judged)} | further

    def facts(self) -> AnswerFacts:
        """Return the facts of the questions, with common words as in a sample of the pool."""
        step = max(1, len(self.texts) // SAMPLED)
        return AnswerFacts(self.questions, (self.texts[row] for row in range(0, len(self.texts), step)))

    def facts_in(self, rows: np.ndarray, ids: list[str]) -> dict:
        """Count the chosen rows, int [n], that hold the fact of a question, and name some; `ids` are of all texts."""
        facts = self.facts()
        found = [(ids[row], id_) for row in rows.tolist() if (id_ := facts.find(self.texts[row])) is not None]
        if found:
            text, question = found[0]
            say(
                f"note: {len(found)} of {len(rows)} chosen texts hold the fact that a question asks, such as '{text}'"
                f" that of {question}; --decontaminate-answers leaves them out"
            )
        return {
            "texts": len(found),
            "questions": len({question for _, question in found}),
            "questions_without_known_fact": len(facts.not_judged),
            "such_as": [{"id": text, "question": question} for text, question in found[:SHOWN]],
        }


def _found(reason: str, question: str | None) -> tuple[str, str] | None:
    return None if question is None else (reason, question)


def leave_out_near(
    left_out: LeftOut, distances: np.ndarray, nearest: np.ndarray, question_ids: list[str], cosine: float
) -> None:
    """Leave out texts whose cosine similarity to a question is at least `cosine`.

    Args:
        distances: cosine distance of each text to its nearest question, [N].
        nearest: index of that question in `question_ids`, [N].
    """
    left_out.leave_where(
        lambda row: _found(SAME_MEANING, None if 1 - distances[row] < cosine else question_ids[nearest[row]])
    )
