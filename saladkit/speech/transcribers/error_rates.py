"""Compute error rates of transcripts."""

import unicodedata
from collections.abc import Iterable

from rapidfuzz.distance import Levenshtein

from saladkit.formats.unspaced import has_unspaced


def character_error_rate(reference: str, transcript: str) -> float | None:
    """Return the edit distance of two texts divided by the length of `reference`: 0 for the same text.

    Case, width and punctuation do not count: only letters with their marks, digits and spaces are compared, and no
    spaces where `reference` has a script without spaces, since a recognizer may put them there or not. None if
    `reference` has neither letters nor digits.
    """
    expected, found = _plain(reference), _plain(transcript)
    if has_unspaced(reference):
        expected, found = expected.replace(" ", ""), found.replace(" ", "")
    if not expected:
        return None
    return Levenshtein.distance(expected, found) / len(expected)


def least_error_rate(references: Iterable[str], transcript: str) -> float | None:
    """Return the lowest error rate against several forms of one text; None if no form has a letter or digit.

    Some recognizers write "1984", others "nineteen eighty four".
    """
    known = [rate for form in references if (rate := character_error_rate(form, transcript)) is not None]
    return min(known, default=None)


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).lower().replace("'", "")
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in plain).split())
