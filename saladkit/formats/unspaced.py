"""Scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), cut into words by ICU.

English and all other texts with spaces never reach ICU, so that they need no further package.
"""

import unicodedata
from itertools import accumulate, pairwise

import regex

from saladkit.errors import SaladError

SIGNS = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Line_Break=SA}"  # a set of characters, without its brackets
_SIGN = regex.compile(rf"[{SIGNS}]")
_OPENING = {"Ps", "Pi"}  # Unicode's categories of brackets and quotation marks that open


def has_unspaced(text: str) -> bool:
    """Return whether a text has a sign of a script without spaces."""
    return not text.isascii() and _SIGN.search(text) is not None


def cut_unspaced(chunk: str) -> list[str]:
    """Cut a stretch without spaces into words, each with its punctuation; together they are the stretch.

    ICU's dictionaries tell the words. A cut has a sign of a script without spaces on at least one side: "well-known"
    and "U.S." stay whole. Closing marks go with the word before them, opening marks with the word after.

    Raises:
        SaladError: the package icu4py is not installed.
    """
    words: list[str] = []
    for segment in _segments(chunk):
        if words and not _begins_word(words[-1], segment):
            words[-1] += segment
        else:
            words.append(segment)
    return words


def _begins_word(before: str, segment: str) -> bool:
    """Return whether a segment begins a word behind `before`, which is a word if it has a letter."""
    letter = next((character for character in reversed(before) if _is_letter(character)), "")
    if _is_letter(segment[0]):
        return letter != "" and has_unspaced(letter + segment[0])
    return unicodedata.category(segment[0]) in _OPENING and has_unspaced(letter)


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def _segments(text: str) -> list[str]:
    """Return ICU's segments of a text."""
    try:
        from icu4py.breakers import WordBreaker
    except ImportError as error:
        raise SaladError(
            f"the text {text[:20]!r} has no spaces between its words, and the package icu4py, which finds them, is not"
            " installed",
            "Run `pip install 'saladkit[languages]'`.",
        ) from error
    # ICU counts in UTF-16, where a character beyond U+FFFF, such as 𠮷, is two units.
    starts = {place: index for index, place in enumerate(accumulate((1 + (c > "\uffff") for c in text), initial=0))}
    whole = text.encode("utf-8", "replace").decode()  # ICU refuses half a surrogate pair
    cuts = [begin for begin, _ in WordBreaker(whole, "root").segments()]
    places = [starts[cut] for cut in cuts if cut in starts] + [len(text)]
    return [text[begin:end] for begin, end in pairwise(places)]
