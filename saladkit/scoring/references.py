"""Compare a written answer to an open question with its reference: word for word, or somewhere in the answer."""

import regex

from saladkit.sources.folding import compatible
from saladkit.sources.words import words_of
from saladkit.speech.normalizing.english import english_words

_ARTICLES = {"a", "an", "the"}
_INITIALS = regex.compile(r"(?<=\b\p{L})\.(?=\p{L}\b)")  # "U.S." is "US"
_THOUSANDS = regex.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_POINT = regex.compile(r"(?<=\d)[.,:/](?=\d)")
_MINUS = regex.compile(r"(?<![\w.)])[-\u2212](?=\d)")
_NUMBER_WORD = (
    "(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|trillion)"
)
_NUMBER = regex.compile(  # of several words: "one hundred and one", "three point five", "minus two", "nineteen oh five"
    rf"\b(?:minus\s+)?{_NUMBER_WORD}"
    rf"(?:(?:[\s-]+|\s+(?:point|oh)\s+|(?<=hundred|thousand|million|billion)\s+and\s+){_NUMBER_WORD})*\b",
    regex.IGNORECASE,
)
_WITHIN_NUMBER = regex.compile(r"\s+(?:and\s+)?|-", regex.IGNORECASE)


def compare_with_reference(response: str, reference: str) -> tuple[bool, bool]:
    """Return whether a response is the reference, and whether it contains the reference.

    Case, punctuation, accents' composition and English articles do not count, and numbers are the same in digits and in
    English words ("7", "seven"). The reference is contained as whole words and whole numbers: "1" is neither in "10"
    nor in "1.5" or "twenty-one". A response that names the reference to deny it contains it too.
    """
    found = [(_words(response), _words(reference)), (_spoken(response), _spoken(reference))]
    return any(a == b != [] for a, b in found), any(_contains(a, b) for a, b in found)


def _words(text: str) -> list[str]:
    """Return the words of a text; a number is one word, in digits or in English words."""
    plain = _MINUS.sub("minus", _POINT.sub("point", _THOUSANDS.sub("", _INITIALS.sub("", compatible(text)))))
    plain = _NUMBER.sub(lambda number: _WITHIN_NUMBER.sub("", number[0]), plain)
    words = words_of(plain) or plain.split()  # an answer may be a sign
    return [word for word in words if word not in _ARTICLES] or words


def _spoken(text: str) -> list[str]:
    return _words(" ".join(english_words(_INITIALS.sub("", compatible(text)))[0]))


def _contains(words: list[str], wanted: list[str]) -> bool:
    return bool(wanted) and any(words[at : at + len(wanted)] == wanted for at in range(len(words) - len(wanted) + 1))
