"""Templates of questions: the text around a question, and the continuations that are scored."""

from dataclasses import dataclass
from string import ascii_uppercase

from saladkit.errors import SaladError
from saladkit.settings.evaluate import CONTINUATION, LETTER

TEMPLATES = (CONTINUATION, LETTER)
ANSWER = "\nAnswer:"


@dataclass(frozen=True)
class FilledTemplate:
    """The text of one question.

    Attributes:
        lead: text before the question.
        question: the question itself, which may be given as speech.
        trail: further text of the question, always given as text.
        options: options listed after the question, each after its letter; empty if none are listed.
        cue: text at the end, such as "Answer:".
        continuations: texts that are scored, each after a space.
    """

    lead: str
    question: str
    trail: str
    options: tuple[str, ...]
    cue: str
    continuations: tuple[str, ...]

    @property
    def after_question(self) -> str:
        """All text after the question, with the options as text."""
        lines = [f"\n{letter}. {option}" for letter, option in zip(ascii_uppercase, self.options, strict=False)]
        return self.trail + "".join(lines) + self.cue

    @property
    def text(self) -> str:
        """All text before the continuations."""
        return self.lead + self.question + self.after_question


def fill_template(row: dict, template: str, source: str) -> FilledTemplate:
    """Fill a template with a row of questions.

    `continuation` scores each option as a continuation of the question and the row's own `cue`. `letter` lists the
    options and scores their letters; it lists none where `letters` says that the question lists them itself.

    Raises:
        SaladError: the row of `source` has more options than there are letters.
    """
    lead, question, trail, cue = (row.get(part) or "" for part in ("lead", "text", "trail", "cue"))
    choices = tuple(row.get("choices") or ())
    if template == CONTINUATION:
        return FilledTemplate(lead, question, trail, (), cue, choices)
    if len(choices) > len(ascii_uppercase):
        raise SaladError(
            f"{source}: row '{row['id']}' has {len(choices)} choices, more than there are letters",
            "Give --template continuation.",
        )
    listed = () if row.get("letters") else choices
    return FilledTemplate(lead, question, trail, listed, ANSWER, tuple(ascii_uppercase[: len(choices)]))
