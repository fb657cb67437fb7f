"""Predictions by the likelihood of each option: the most likely one is the model's answer."""

from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.results import likeliest_per_character
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.scoring.conditions import Condition
from saladkit.scoring.likelihood import ComputeScores, ContinuationScore, score_continuations
from saladkit.scoring.partial_results import PartialResults
from saladkit.scoring.predictions import left_out_row, question_columns
from saladkit.scoring.prompts import PromptBuilder
from saladkit.scoring.requests import Example, Request


@dataclass(frozen=True)
class ContinuationScorer:
    """A model under one condition, which scores the options of each question.

    Attributes:
        share_rows: whether a prompt and all of its continuations run as one row (`likelihood.can_share_rows`).
        new_tokens: tokens that prompts leave room for beside the continuations.
    """

    model: SaladForCausalLM | TextModel
    builder: PromptBuilder
    condition: Condition
    batch_size: int
    share_rows: bool = True
    new_tokens: int = 0

    def predict(
        self, rows: list[dict], examples: list[Example], task: str, source: str, saved: PartialResults | None = None
    ) -> tuple[list[dict], list[dict]]:
        """Return the predictions of `rows`, in order, and the rows left out, with `id`, `source` and `reason`.

        Predictions have all columns of `formats.results.PREDICTIONS` that apply but `held_out`.

        Args:
            examples: few-shot examples to choose from.
            source: where the rows were read.
            saved: scores that an interrupted run has saved; new scores are added.

        Raises:
            SaladError: as `PromptBuilder.build`, or a score is not finite.
        """
        return self.choose(rows, self.requests(rows, examples, source), task, source, saved)

    def requests(self, rows: list[dict], examples: list[Example], source: str) -> dict[int, Request]:
        """Return the request of each row that has one, by its place, in order.

        Raises:
            SaladError: as `PromptBuilder.build`.
        """
        self.builder.tokenize_ahead(rows, source)
        built = [self.builder.build(row, examples, source, self.new_tokens) for row in rows]
        return {index: request for index, request in enumerate(built) if request is not None}

    def choose(
        self,
        rows: list[dict],
        requests: dict[int, Request],
        task: str,
        source: str,
        saved: PartialResults | None = None,
    ) -> tuple[list[dict], list[dict]]:
        """Return the predictions of the rows that have a request, and the rows left out, as `predict`.

        Raises:
            SaladError: a score is not finite.
        """
        scores: dict[int, list[ContinuationScore]] = {}
        for group in _by_examples(requests):
            found = score_continuations(
                self.model,
                [requests[index].prompt for index in group],
                [requests[index].continuations for index in group],
                self.batch_size,
                self.share_rows,
                _saving(saved, [rows[index]["id"] for index in group]),
            )
            scores |= dict(zip(group, found, strict=True))
        for index, of_row in scores.items():
            if not np.all(np.isfinite([score.log_likelihood for score in of_row])):
                raise SaladError(
                    f"{self.condition.model}'s score of row '{rows[index]['id']}' of {source}, as"
                    f" {self.condition.modality_name}, is not finite",
                    "Try --dtype float32. If that does not help, the checkpoint is damaged: give another one.",
                )
        predictions = [
            self._prediction(rows[index], requests[index], scores[index], task) for index in sorted(requests)
        ]
        left_out = [left_out_row(row, source, self.condition) for i, row in enumerate(rows) if i not in requests]
        return predictions, left_out

    def _prediction(self, row: dict, request: Request, scores: list[ContinuationScore], task: str) -> dict:
        values, scored = [score.log_likelihood for score in scores], list(request.template.continuations)
        return question_columns(row, request, self.condition, task) | {
            "scored": scored,
            "log_likelihoods": values,
            "greedy": [score.greedy for score in scores],
            "acc": int(np.argmax(values)) == row["answer"],
            "acc_norm": likeliest_per_character(values, scored) == row["answer"],
        }


def _by_examples(requests: dict[int, Request]) -> list[list[int]]:
    """Group requests by their few-shot examples, which then run once for all requests of a group."""
    groups: dict[str, list[int]] = {}
    for index, request in requests.items():
        groups.setdefault(request.context.removesuffix(request.template.text), []).append(index)
    return list(groups.values())


def _saving(
    saved: PartialResults | None, ids: list[str]
) -> Callable[[list[int], ComputeScores], list[list[ContinuationScore]]]:
    def scores_of(batch: list[int], compute: ComputeScores) -> list[list[ContinuationScore]]:
        if saved is None:
            return compute()
        stored = saved.get_or_compute(
            [ids[index] for index in batch], lambda: [[astuple(score) for score in row] for row in compute()]
        )
        return [[ContinuationScore(*score) for score in of_row] for of_row in stored]

    return scores_of
