"""How a question is worded: what is asked, what stands after it, and what is scored."""

from dataclasses import dataclass
from string import ascii_uppercase

from saladkit.errors import SaladError

TEMPLATES = ("continuation", "letter")


@dataclass(frozen=True)
class Wording:
    """One question in words.

    Attributes:
        asked: the question, which may be heard.
        options: the options that are listed after it, each behind its letter; empty where none are.
        cue: what stands last.
        answers: what is scored, each behind one space.
    """

    asked: str
    options: tuple[str, ...]
    cue: str
    answers: tuple[str, ...]

    @property
    def listed(self) -> str:
        """What is read after the question where the options are read: they, and the cue."""
        lines = [f"\n{letter}. {option}" for letter, option in zip(ascii_uppercase, self.options, strict=False)]
        return "".join(lines) + self.cue

    @property
    def text(self) -> str:
        """All of it, read."""
        return self.asked + self.listed


def word_question(row: dict, template: str, where: str) -> Wording:
    """A row of questions in a template.

    `continuation`: each option continues the question. `letter`: the options are listed, and their letters are scored;
    where the row's `letters` says that the question lists them itself, they are not listed again.

    Raises:
        SaladError: more options than letters.
    """
    if template == "continuation":
        return Wording(row["text"], (), "", tuple(row["choices"]))
    if len(row["choices"]) > len(ascii_uppercase):
        raise SaladError(
            f"{where}: row '{row['id']}' has {len(row['choices'])} choices, more than there are letters",
            "Give --template continuation.",
        )
    listed = () if row.get("letters") else tuple(row["choices"])
    return Wording(row["text"], listed, "\nAnswer:", tuple(ascii_uppercase[: len(row["choices"])]))
