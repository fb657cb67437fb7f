"""Compute error rates of transcripts."""

from collections.abc import Iterable

from rapidfuzz.distance import Levenshtein


def character_error_rate(reference: str, transcript: str) -> float | None:
    """Return the edit distance of two texts divided by the length of `reference`: 0 for the same text.

    Case and punctuation do not count: only letters, digits and spaces are compared. None if `reference` has neither
    letters nor digits.
    """
    expected, found = _plain(reference), _plain(transcript)
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
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower().replace("'", "")).split())
