"""How a question is worded: what is asked, what stands around it, and what is scored."""

from dataclasses import dataclass
from string import ascii_uppercase

from saladkit.errors import SaladError

TEMPLATES = ("continuation", "letter")
ANSWER = "\nAnswer:"


@dataclass(frozen=True)
class Wording:
    """One question in words.

    Attributes:
        lead: what is read before it.
        asked: the question, which may be heard.
        trail: what of the question is read in any case.
        options: the options that are listed after it, each behind its letter; empty where none are.
        cue: what stands last.
        answers: what is scored, each behind one space.
    """

    lead: str
    asked: str
    trail: str
    options: tuple[str, ...]
    cue: str
    answers: tuple[str, ...]

    @property
    def listed(self) -> str:
        """What stands after the question where the options are read."""
        lines = [f"\n{letter}. {option}" for letter, option in zip(ascii_uppercase, self.options, strict=False)]
        return self.trail + "".join(lines) + self.cue

    @property
    def text(self) -> str:
        """All of it, read."""
        return self.lead + self.asked + self.listed


def word_question(row: dict, template: str, where: str) -> Wording:
    """A row of questions in a template.

    `continuation`: each option goes on from the question and the row's own `cue`. `letter`: the options are listed, and
    their letters are scored; where `letters` says that the question lists them itself, they are not listed again.

    Raises:
        SaladError: more options than letters.
    """
    lead, asked, trail, cue = (row.get(part) or "" for part in ("lead", "text", "trail", "cue"))
    choices = tuple(row.get("choices") or ())
    if template == "continuation":
        return Wording(lead, asked, trail, (), cue, choices)
    if len(choices) > len(ascii_uppercase):
        raise SaladError(
            f"{where}: row '{row['id']}' has {len(choices)} choices, more than there are letters",
            "Give --template continuation.",
        )
    listed = () if row.get("letters") else choices
    return Wording(lead, asked, trail, listed, ANSWER, tuple(ascii_uppercase[: len(choices)]))
