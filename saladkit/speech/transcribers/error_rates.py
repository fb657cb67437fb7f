"""Compute error rates of transcripts."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from saladkit.formats.unspaced import has_unspaced
from saladkit.speech.normalizing.spoken_form import spoken_form

_BETWEEN_DIGITS = re.compile(r"(?<=\d)[^\w\s]?(?=\d)")


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


def least_errors(references: Iterable[str], transcript: str) -> Errors | None:
    """Return the errors with the lowest rate against several forms of one text; None if no form has a letter or digit.

    Some recognizers write "1984", others "nineteen eighty four".
    """
    known = [errors for form in references if (errors := character_errors(form, transcript)) is not None]
    return min(known, key=lambda errors: errors.rate, default=None)


def transcript_errors(forms: Sequence[str], transcript: str, language: str | None) -> Errors | None:
    """Return the least errors of a transcript, whose numbers and abbreviations may be written in any way.

    Whisper writes "13" for "thirteen", "$5" for "five dollars" and "555-1212" for digits said one by one, within one
    transcript. So the forms of the text are also compared with the transcript's spoken form, and with that of its
    digits one by one.

    Args:
        forms: the text as it is written, and as it is spoken.
        language: language of the spoken form, as `spoken_form` takes it.
    """
    digits = _BETWEEN_DIGITS.sub(" ", transcript)
    written = dict.fromkeys([transcript, *(spoken_form(text, language).text for text in (transcript, digits))])
    found = [errors for one in written if (errors := least_errors(forms, one)) is not None]
    return min(found, key=lambda errors: errors.rate, default=None)


def compared_characters(text: str) -> int:
    """Return how many characters of a text `character_errors` compares."""
    return len(_plain(text, has_unspaced(text)))


def _plain(text: str, unspaced: bool) -> str:
    plain = unicodedata.normalize("NFKC", text).lower().replace("'", "")
    words = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in plain).split()
    return ("" if unspaced else " ").join(words)
