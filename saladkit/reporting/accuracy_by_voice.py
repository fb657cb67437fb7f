"""Accuracy on speech input by the voice that asks, for every model."""

from dataclasses import dataclass

from saladkit.reporting.predictions import SCORE, Key
from saladkit.reporting.run_answers import RunAnswers
from saladkit.scoring.statistics import Estimate, accuracy


@dataclass(frozen=True)
class VoiceRow:
    """One voice: the questions that it asks, and the accuracy of each model on them.

    Attributes:
        held_out: whether the questions are those of the held-out voice's task.
        read: accuracy of the text LLM on the same questions as text; None for the held-out task, where it is not asked.
    """

    speaker: str
    held_out: bool
    read: Estimate | None
    accuracies: dict[str, Estimate]

    @property
    def items(self) -> int:
        """Number of questions."""
        return next(iter(self.accuracies.values())).items


def voice_rows(answers: RunAnswers) -> list[VoiceRow]:
    """Return a row for each voice that is named, those of the held-out task last; none if there is only one."""
    rows = _rows(answers, answers.items.keys, held_out=False) + _rows(answers, answers.held_out_items, held_out=True)
    return rows if len(rows) > 1 else []


def _rows(answers: RunAnswers, keys: list[Key], *, held_out: bool) -> list[VoiceRow]:
    by_voice: dict[str, list[Key]] = {}
    for key in keys:
        speaker = answers.models[0].rows["speech"][key]["speaker"]
        if speaker is not None:
            by_voice.setdefault(speaker, []).append(key)
    return [
        VoiceRow(
            speaker,
            held_out,
            None if held_out else accuracy(answers.teacher.correct("text", asked, SCORE)),
            {model.name: accuracy(model.correct("speech", asked, SCORE)) for model in answers.models},
        )
        for speaker, asked in sorted(by_voice.items())
    ]
