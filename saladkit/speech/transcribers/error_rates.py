"""Compute error rates of transcripts."""

from collections.abc import Iterable
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein


class Errors(NamedTuple):
    """Edits that turn a text into a transcript, and the characters of the text."""

    edits: int
    characters: int

    @property
    def rate(self) -> float:
        """Edits per character: 0 for the same text."""
        return self.edits / self.characters


def character_errors(reference: str, transcript: str) -> Errors | None:
    """Count the edits between two texts, of which only letters, digits and spaces are compared, without case.

    None if `reference` has neither letters nor digits.
    """
    expected, found = _plain(reference), _plain(transcript)
    return Errors(Levenshtein.distance(expected, found), len(expected)) if expected else None


def character_error_rate(reference: str, transcript: str) -> float | None:
    """Return the rate of `character_errors`."""
    errors = character_errors(reference, transcript)
    return None if errors is None else errors.rate


def least_errors(references: Iterable[str], transcript: str) -> Errors | None:
    """Return the errors with the lowest rate against several forms of one text; None if no form has a letter or digit.

    Some recognizers write "1984", others "nineteen eighty four".
    """
    known = [errors for form in references if (errors := character_errors(form, transcript)) is not None]
    return min(known, key=lambda errors: errors.rate, default=None)


def compared_characters(text: str) -> int:
    """Return how many characters of a text `character_errors` compares."""
    return len(_plain(text))


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower().replace("'", "")).split())
