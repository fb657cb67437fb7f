"""Numbers that count or measure, without a unit: "1,234", "-5", "3.14", "21st", "1/2", "5-10", "2+2=4"."""

import re

from saladkit.speech.normalizing.fractions import SIGNS, VALUE, value
from saladkit.speech.normalizing.numbers import (
    DASH,
    END,
    INTEGER,
    MOST_DIGITS,
    NUMBER,
    START,
    cardinal,
    digit_by_digit,
    number,
    ordinal,
)
from saladkit.speech.normalizing.rewriting import DIGIT, Rule, Said, said

OPERATORS = {"+": "plus", "-": "minus", "−": "minus", "=": "equals", "×": "times", "*": "times", "÷": "divided by"}


def _ordinal(match: re.Match) -> list[Said] | None:
    if len(match["number"]) > MOST_DIGITS or match["number"].startswith("0"):
        return None
    return said(match, (ordinal(match["number"]), 0))


def _value(match: re.Match) -> list[Said] | None:
    spoken = value(match["value"])
    if spoken is None:
        return None
    sign = {"-": "minus ", "−": "minus ", "+": "plus "}.get(match["sign"], "")
    return said(match, (f"{sign}{spoken}{' plus' if match['more'] else ''}", 0))


def _parted_by_spaces(match: re.Match) -> list[Said]:
    """Say a number with spaces between its thousands, such as "1 000 000"."""
    return said(match, (number(match[0].replace(" ", "")), 0))


def _with_decimal_comma(match: re.Match) -> list[Said]:
    """Say "1.234.567,89" with "point", as the rest of an English text says it."""
    return said(match, (f"{cardinal(match['whole'])} point {digit_by_digit(match['decimals'])}", 0))


def _range(match: re.Match) -> list[Said] | None:
    """Say "5-10" as "five to ten", and "50-50" or "60-40" without "to"."""
    low, high = value(match["low"]), value(match["high"])
    if "/" in match["high"] and "/" not in match["low"]:
        return None  # "2-1/2" is two and a half
    if match["low"] == match["high"] or is_split(match["low"], match["high"]):
        return said(match, (low, "low"), (high, "high")) if low and high else None
    return said(match, (low, "low"), ("to", "dash"), (high, "high")) if low and high else None


def is_split(first: str, second: str) -> bool:
    """Return whether two numbers share out a hundred, the larger one first: 60 and 40."""
    if not first.isdecimal() or not second.isdecimal() or len(first + second) > 4:
        return False
    return int(first) + int(second) == 100 and int(first) >= int(second) and int(first) % 5 == 0


def _arithmetic(match: re.Match) -> list[Said] | None:
    if not set(match[0]) & set("+=×÷*"):
        return None
    parts = re.findall(rf"{NUMBER}|.", match[0])
    return said(match, (" ".join(OPERATORS.get(part) or number(part) for part in parts), 0))


RULES = [
    Rule(
        (DIGIT,),
        re.compile(rf"{START}(?P<number>{INTEGER})(?:st|nd|rd|th|ST|ND|RD|TH)(?!\w)"),
        _ordinal,
    ),
    Rule(
        (DIGIT,),
        re.compile(rf"{START}[1-9][0-9]{{0,2}}(?: 000|(?: [0-9]{{3}}){{2,5}}){END}(?! [0-9]{{3}}\b)"),
        _parted_by_spaces,
    ),
    Rule(
        (DIGIT,),
        re.compile(rf"{START}(?P<whole>[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}}){{1,5}}),(?P<decimals>[0-9]{{1,2}}){END}"),
        _with_decimal_comma,
    ),
    Rule((DIGIT,), re.compile(rf"{START}{NUMBER}(?:[-+−=×÷*]{NUMBER}){{1,8}}{END}"), _arithmetic),
    Rule((DIGIT, "."), re.compile(rf"{START}(?P<low>{VALUE})(?P<dash>{DASH})(?P<high>{VALUE}){END}"), _range),
    Rule(
        (DIGIT, ".", "-", "−", "+", *SIGNS),
        re.compile(rf"{START}(?P<sign>[-−+]?)(?P<value>{VALUE})(?:(?P<more>\+)(?!\w)|{END})"),
        _value,
    ),
]
