"""Numbers in English words, American style: no "and", no commas, no hyphens, so that each word is one of a dictionary.

Everything here takes digits as they are written. Numbers that are too long for a name are read digit by digit.
"""

import re
from functools import lru_cache

from num2words import num2words

from saladkit.speech.normalizing.rewriting import DIGITS

MOST_DIGITS = 18  # hundreds of quadrillions

# What may stand directly before a number, and what may not stand behind it. "10^5", "5/day", "1.2.3" and "1,2" are no
# numbers with punctuation.
START = (
    r"(?:(?<![^\s(\[{\"'“‘«„‹¿¡—–\-/;|*…>=<~≈≤≥±@#§,:!?)\]}”»`])"
    r"|(?<=\b[Nn]o\.)|(?<=\bpp\.)|(?<=\b[cp]\.)|(?<=\bFig\.)|(?<=\bfig\.))"
)
END = r"(?![\w%‰°º^$€£¥₹¢@#&+=~\\/√′″])(?![.,:*'’×\-–—−][0-9])(?!\.\w)"  # nor a sign that belongs to it
INTEGER = r"(?:[0-9]{1,3}+(?:,[0-9]{3})++(?![0-9])|[0-9]++)"
NUMBER = rf"(?:{INTEGER}(?:\.[0-9]++)?+|\.[0-9]++)"
DASH = r"[-–—−]"

_DIGIT_NAMES = dict(zip(DIGITS, "zero one two three four five six seven eight nine".split(), strict=True))
_ROMAN = re.compile(r"(?:XL|LX{0,3}|X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}


@lru_cache(maxsize=4096)
def _named(number: int, kind: str) -> str:
    words = num2words(number, to=kind).replace(",", "").replace("-", " ")
    return " ".join(word for word in words.split() if word != "and")


def digit_by_digit(digits: str) -> str:
    """ "007" -> "zero zero seven"; whatever is no digit is passed over."""
    return " ".join(_DIGIT_NAMES[digit] for digit in digits if digit in _DIGIT_NAMES)


def cardinal(written: str) -> str:
    """ "1,234" -> "one thousand two hundred thirty four"; with a zero in front or too long: digit by digit."""
    digits = written.replace(",", "")
    if len(digits) > MOST_DIGITS or digits.startswith("0") and len(digits) > 1:
        return digit_by_digit(digits)
    return _named(int(digits), "cardinal")


def ordinal(written: str) -> str:
    """ "21" -> "twenty first"; at most MOST_DIGITS digits."""
    return _named(int(written.replace(",", "")), "ordinal")


def number(written: str) -> str:
    """ "1,234.50" -> "one thousand two hundred thirty four point five zero"; ".5" -> "point five"."""
    whole, point, decimals = written.partition(".")
    spoken = [cardinal(whole)] if whole else []
    return " ".join([*spoken, "point", digit_by_digit(decimals)] if point else spoken)


def year(digits: str) -> str:
    """ "1984" -> "nineteen eighty four", "1905" -> "nineteen oh five", "05" -> "oh five"; two or four digits."""
    if len(digits) == 2:
        if digits == "00":
            return "oh oh"
        return f"oh {_DIGIT_NAMES[digits[1]]}" if digits[0] == "0" else cardinal(digits)
    return _named(int(digits), "year")


def number_of_name(digits: str) -> str:
    """ "380" -> "three eighty", "405" -> "four oh five": how codes, rooms, flights and houses are numbered."""
    if len(digits) == 3 and digits[0] != "0":
        rest = "hundred" if digits[1:] == "00" else year(digits[1:])
        return f"{_DIGIT_NAMES[digits[0]]} {rest}"
    if len(digits) > 3 and not digits.endswith("000"):
        return year(digits) if len(digits) == 4 and digits[0] != "0" else digit_by_digit(digits)
    return cardinal(digits)


def plural(words: str) -> str:
    """ "nineteen eighty" -> "nineteen eighties", "five hundred" -> "five hundreds"."""
    return f"{words[:-1]}ies" if words.endswith("ty") else f"{words}es" if words.endswith("x") else f"{words}s"


def roman(letters: str) -> int | None:
    """The value of a Roman numeral below 90 in its usual spelling, None if `letters` are none."""
    if not letters or not _ROMAN.fullmatch(letters):
        return None
    values = [_ROMAN_VALUES[letter] for letter in letters]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )
