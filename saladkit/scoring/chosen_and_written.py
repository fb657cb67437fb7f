"""Predictions in two ways after the same prompt: the likeliest option, and the option that the model writes."""

from dataclasses import dataclass

from saladkit.formats.results import WRITTEN
from saladkit.scoring.conditions import Condition
from saladkit.scoring.generation import AnswerGenerator
from saladkit.scoring.multiple_choice import ContinuationScorer
from saladkit.scoring.partial_results import PartialResults
from saladkit.scoring.prompts import Example, PromptBuilder
from saladkit.scoring.written_beginnings import option_at_beginning


@dataclass(frozen=True)
class ChoosingWriter:
    """A model under one condition, whose options are scored, and which writes an answer as well.

    A prompt is built once, with room for both. Multiple choice hides what a model cannot say: options that are wrong
    for other reasons make a right choice easy.
    """

    scorer: ContinuationScorer
    generator: AnswerGenerator

    @property
    def builder(self) -> PromptBuilder:
        """What builds the prompts."""
        return self.scorer.builder

    @property
    def condition(self) -> Condition:
        """The condition of the predictions."""
        return self.scorer.condition

    def predict(
        self, rows: list[dict], examples: list[Example], task: str, source: str, saved: PartialResults | None = None
    ) -> tuple[list[dict], list[dict]]:
        """Return the predictions of `rows`, in order, and the rows left out, as `ContinuationScorer.predict`.

        A written answer is right (`acc_written`) if it begins with the right option as that is scored: with its words,
        or, where options are listed, with its letter.
        """
        requests = self.scorer.requests(rows, examples, source)
        predictions, left_out = self.scorer.choose(rows, requests, task, source, saved)
        responses = self.generator.write(rows, requests, saved)
        written = [responses[index] for index in sorted(requests)]
        return [_with_response(row, text) for row, text in zip(predictions, written, strict=True)], left_out


def _with_response(prediction: dict, response: str) -> dict:
    parsed = option_at_beginning(response, prediction["scored"])
    return prediction | {
        "response": response,
        "parsed": parsed,
        "drawn": False,
        WRITTEN: parsed == prediction["answer"],
    }
