"""Compute error rates of transcripts."""

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from saladkit.formats.unspaced import has_unspaced


class Errors(NamedTuple):
    """Edits that turn a text into a transcript, and the characters of the text."""

    edits: int
    characters: int

    @property
    def rate(self) -> float:
        """Edits per character: 0 for the same text."""
        return self.edits / self.characters


def character_errors(reference: str, transcript: str) -> Errors | None:
    """Count the edits between a text and its transcript.

    Case, width and punctuation do not count: only letters with their marks, digits and spaces are compared, and no
    spaces where `reference` has a script without spaces, since a recognizer may put them there or not. None if
    `reference` has neither letters nor digits.
    """
    unspaced = has_unspaced(reference)
    expected, found = _plain(reference, unspaced), _plain(transcript, unspaced)
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
    return len(_plain(text, has_unspaced(text)))


def _plain(text: str, unspaced: bool) -> str:
    plain = unicodedata.normalize("NFKC", text).lower().replace("'", "")
    words = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in plain).split()
    return ("" if unspaced else " ").join(words)
