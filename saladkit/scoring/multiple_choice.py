"""A model's answers to questions, as predictions."""

from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.results import likeliest_per_character
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.scoring.conditions import Condition
from saladkit.scoring.kept_answers import KeptAnswers
from saladkit.scoring.likelihood import MakeScores, OptionScore, score_options
from saladkit.scoring.predictions import about_question
from saladkit.scoring.prompts import Asking, Example, Question


@dataclass(frozen=True)
class Respondent:
    """A model that is asked in one way."""

    model: SaladForCausalLM | TextModel
    asking: Asking
    condition: Condition
    batch_size: int = 16
    together: bool = True  # whether a question and its options are one row

    def answer(
        self, rows: list[dict], examples: list[Example], task: str, where: str, kept: KeptAnswers | None = None
    ) -> tuple[list[dict], list[dict]]:
        """Predictions of `rows`, in order, without `held_out`; and those left out, with `id` and `reason`.

        Scores are kept in `kept`, and those that stand there are not computed again.

        Raises:
            SaladError: as `Asking.lay_out`; scores that are not finite.
        """
        self.asking.prepare(rows, where)
        laid_out = [self.asking.lay_out(row, examples, where) for row in rows]
        asked = {index: question for index, question in enumerate(laid_out) if question is not None}
        scores: dict[int, list[OptionScore]] = {}
        for alike in _by_examples(asked):
            found = score_options(
                self.model,
                [asked[index].prompt for index in alike],
                [asked[index].answers for index in alike],
                self.batch_size,
                self.together,
                _keeping(kept, [rows[index]["id"] for index in alike]),
            )
            scores |= dict(zip(alike, found, strict=True))
        for index, of_row in scores.items():
            if not np.all(np.isfinite([score.log_likelihood for score in of_row])):
                raise SaladError(
                    f"{self.condition.model}'s score of row '{rows[index]['id']}' of {where}, as"
                    f" {self.condition.asked}, is not finite",
                    "Give a model that is whole; with --dtype float16, try float32.",
                )
        predictions = [self._prediction(rows[index], asked[index], scores[index], task) for index in sorted(asked)]
        reason = f"{self.condition.name}: longer than the model's context, and cannot be cut"
        return predictions, [
            {"id": row["id"], "source": where, "reason": reason} for index, row in enumerate(rows) if index not in asked
        ]

    def _prediction(self, row: dict, question: Question, scores: list[OptionScore], task: str) -> dict:
        values, scored = [score.log_likelihood for score in scores], list(question.wording.answers)
        return about_question(row, question, self.condition, task) | {
            "scored": scored,
            "log_likelihoods": values,
            "greedy": [score.greedy for score in scores],
            "acc": int(np.argmax(values)) == row["answer"],
            "acc_norm": likeliest_per_character(values, scored) == row["answer"],
        }


def _by_examples(asked: dict[int, Question]) -> list[list[int]]:
    """Questions behind the same examples together: what is before them is run once."""
    groups: dict[str, list[int]] = {}
    for index, question in asked.items():
        groups.setdefault(question.context.removesuffix(question.wording.text), []).append(index)
    return list(groups.values())


def _keeping(kept: KeptAnswers | None, ids: list[str]) -> Callable[[list[int], MakeScores], list[list[OptionScore]]]:
    def keep(batch: list[int], make: MakeScores) -> list[list[OptionScore]]:
        if kept is None:
            return make()
        stored = kept.of_batch([ids[index] for index in batch], lambda: [[astuple(s) for s in row] for row in make()])
        return [[OptionScore(*score) for score in of_row] for of_row in stored]

    return keep
