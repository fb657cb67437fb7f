"""Write numbers in American English words without "and", commas or hyphens, so that dictionaries have each word.

All functions take digits as they are written. Numbers that are too long to be named are read digit by digit.
"""

import re
from functools import lru_cache

from num2words import num2words

from saladkit.speech.normalizing.atomic import as_many
from saladkit.speech.normalizing.rewriting import DIGITS

MOST_DIGITS = 18  # hundreds of quadrillions

# What may come directly before a number, and what may not come after it. "10^5", "5/day", "1.2.3" and "1,2" are not
# numbers followed by punctuation.
START = (
    r"(?:(?<![^\s(\[{\"'“‘«„‹¿¡—–\-/;|*…>=<~≈≤≥±@#§,:!?)\]}”»`])"
    r"|(?<=\b[Nn]o\.)|(?<=\bpp\.)|(?<=\b[cp]\.)|(?<=\bFig\.)|(?<=\bfig\.))"
)
END = r"(?![\w%‰°º^⁻⁺$€£¥₹¢@#&+=~\\/√′″])(?![.,:*'’×\-–—−][0-9])(?!\.\w)"  # nor a sign that belongs to the number
# "1.000.000", but neither "1.000", which may be one, nor the internet address "192.168.100.200"
_NO_BYTE = r"\.(?:000|2(?:5[6-9]|[6-9][0-9])|[3-9][0-9]{2})"
_MANY_PARTS = rf"(?=(?:\.[0-9]{{3}}){{0,4}}{_NO_BYTE})(?:\.[0-9]{{3}}){{3,5}}"
_PARTED_BY_DOTS = rf"[1-9][0-9]{{0,2}}+(?:(?:\.[0-9]{{3}}){{2}}|{_MANY_PARTS})(?!\.?[0-9])"
_PARTED_OTHERWISE = (
    r"[1-9][0-9]{0,2}+" + as_many("['’][0-9]{3}", 1) + r"(?![0-9])"
    r"|[1-9][0-9]?+(?:,[0-9]{2}(?![0-9]))+,[0-9]{3}(?![0-9])"
)
INTEGER = rf"(?:[0-9]{{1,3}}+{as_many(',[0-9]{3}', 1)}(?![0-9])|{_PARTED_BY_DOTS}|{_PARTED_OTHERWISE}|[0-9]++)"
NUMBER = rf"(?:{INTEGER}(?:\.[0-9]++|(?!\.[0-9]))|\.[0-9]++)"
DASH = r"[-–—−]"

_DIGIT_NAMES = dict(zip(DIGITS, "zero one two three four five six seven eight nine".split(), strict=True))
_ROMAN = re.compile(r"(?:XL|LX{0,3}|X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}


@lru_cache(maxsize=4096)
def _named(number: int, kind: str) -> str:
    words = num2words(number, to=kind).replace(",", "").replace("-", " ")
    return " ".join(word for word in words.split() if word != "and")


def digit_by_digit(digits: str) -> str:
    """Return "zero zero seven" for "007"; other characters than digits are left out."""
    return " ".join(_DIGIT_NAMES[digit] for digit in digits if digit in _DIGIT_NAMES)


def cardinal(written: str) -> str:
    """Return "one thousand two hundred thirty four" for "1,234"; digit by digit if it starts with 0 or is too long.

    Thousands may be parted by commas, dots or apostrophes.
    """
    digits = re.sub("[,.'’]", "", written)
    if len(digits) > MOST_DIGITS or digits.startswith("0") and len(digits) > 1:
        return digit_by_digit(digits)
    return _named(int(digits), "cardinal")


def ordinal(written: str) -> str:
    """Return "twenty first" for "21"; at most MOST_DIGITS digits."""
    return _named(int(re.sub("[,.'’]", "", written)), "ordinal")


def number(written: str) -> str:
    """Return "one thousand two hundred thirty four point five zero" for "1,234.50", "point five" for ".5"."""
    if written.count(".") > 1:  # "1.000.000"
        return cardinal(written)
    whole, point, decimals = written.partition(".")
    spoken = [cardinal(whole)] if whole else []
    return " ".join([*spoken, "point", digit_by_digit(decimals)] if point else spoken)


def year(digits: str) -> str:
    """Return "nineteen eighty four" for "1984", "oh five" for "05"; two or four digits."""
    if len(digits) == 2:
        if digits == "00":
            return "oh oh"
        return f"oh {_DIGIT_NAMES[digits[1]]}" if digits[0] == "0" else cardinal(digits)
    return _named(int(digits), "year")


def number_of_name(digits: str) -> str:
    """Return "three eighty" for "380", "four oh five" for "405", as in codes, rooms, flights and houses."""
    if len(digits) == 3 and digits[0] != "0":
        rest = "hundred" if digits[1:] == "00" else year(digits[1:])
        return f"{_DIGIT_NAMES[digits[0]]} {rest}"
    if len(digits) > 3 and not digits.endswith("000"):
        return year(digits) if len(digits) == 4 and digits[0] != "0" else digit_by_digit(digits)
    return cardinal(digits)


def plural(words: str) -> str:
    """Return "nineteen eighties" for "nineteen eighty", "five hundreds" for "five hundred"."""
    return f"{words[:-1]}ies" if words.endswith("ty") else f"{words}es" if words.endswith("x") else f"{words}s"


def roman(letters: str) -> int | None:
    """Return the value of a Roman numeral below 90; None if `letters` are no numeral in the usual spelling."""
    if not letters or not _ROMAN.fullmatch(letters):
        return None
    values = [_ROMAN_VALUES[letter] for letter in letters]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )
