"""Numbers that are names, not counts: rooms, houses, ZIP codes, shares such as "80/20", "9/11", "401(k)"."""

import re

from saladkit.speech.normalizing.atomic import as_many
from saladkit.speech.normalizing.numbers import END, START, cardinal, digit_by_digit, number_of_name
from saladkit.speech.normalizing.plain_numbers import is_split
from saladkit.speech.normalizing.rewriting import DIGIT, Rule, Said, previous_word, said
from saladkit.speech.normalizing.telephone import CALLED, telephone

_FIXED = {
    **{"24/7": "twenty four seven", "9/11": "nine eleven", "7/7": "seven seven", "50/50": "fifty fifty"},
    **{"20/20": "twenty twenty", "401(k)": "four oh one k", "403(b)": "four oh three b"},
}
_CODES = {"code", "extension", "ext.", "pin"}
_NUMBERED = set("flight route room highway interstate suite apartment boeing airbus bus channel".split())
_MOST_BARE_DIGITS = 9  # a longer number without commas is an identifier, unless it is round


def _fixed(match: re.Match) -> list[Said]:
    return said(match, (_FIXED[match["fixed"]], 0))


def _share(match: re.Match) -> list[Said] | None:
    first, second = match["first"], match["second"]
    return said(match, (f"{cardinal(first)} {cardinal(second)}", 0)) if is_split(first, second) else None


def _groups(match: re.Match) -> list[Said]:
    """Say groups such as "1-2-3" as numbers, and such as "978-3-16-148410-0" digit by digit."""
    groups = match[0].split("-")
    short = all(len(group) <= 2 and group[0] != "0" for group in groups)
    return said(match, (" ".join(map(cardinal if short else digit_by_digit, groups)), 0))


def _named_number(match: re.Match) -> list[Said] | None:
    """Say a number that the word before marks as a name, or that is too long for a count."""
    digits, before = match["digits"], previous_word(match)
    if before.lower() in _CODES or before.lower() in CALLED and re.fullmatch("[2-9]11", digits):
        return said(match, (digit_by_digit(digits), 0))
    if before.lower() in _NUMBERED and len(digits) in (3, 4):
        return said(match, (number_of_name(digits), 0))
    if len(digits) == 5 and re.fullmatch(r"[A-Z]{2}", before):  # a ZIP code
        return said(match, (digit_by_digit(digits), 0))
    if len(digits) > _MOST_BARE_DIGITS and not digits.endswith("000000"):
        return said(match, (digit_by_digit(digits), 0))
    return None


def _two_names(match: re.Match) -> list[Said] | None:
    """Say the two numbers of a name such as "Boeing 737-800"."""
    if previous_word(match).lower() not in _NUMBERED:
        return None
    return said(match, (f"{number_of_name(match['first'])} {number_of_name(match['second'])}", 0))


def _free_call(match: re.Match) -> list[Said]:
    """Say the digits of "1-800-FLOWERS"."""
    return said(match, (f"one {number_of_name(match['prefix'])} ", 0))


def _house(match: re.Match) -> list[Said]:
    return said(match, (number_of_name(match["house"]), "house"))


_STREETS = r"(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Dr|Drive|Ln|Lane|Hwy|Highway|Way|Place|Court)\b"
RULES = [
    Rule((DIGIT,), re.compile(rf"{START}(?P<fixed>{'|'.join(map(re.escape, _FIXED))}){END}"), _fixed),
    Rule((DIGIT,), re.compile(rf"{START}(?P<first>[1-9][0-9])/(?P<second>[1-9][0-9]){END}"), _share),
    Rule((DIGIT,), re.compile(rf"{START}1-(?P<prefix>8(?:00|33|44|55|66|77|88))-(?=[A-Z])"), _free_call),
    Rule((DIGIT,), re.compile(rf"{START}(?P<first>[0-9]{{3}})-(?P<second>[0-9]{{2,3}}){END}"), _two_names),
    Rule((DIGIT,), re.compile(rf"{START}[0-9]{{5}}-[0-9]{{4}}{END}"), telephone),
    Rule((DIGIT,), re.compile(rf"{START}[0-9]++{as_many('-[0-9]++', 2)}{END}"), _groups),
    Rule(
        (DIGIT,),
        re.compile(
            rf"{START}(?P<house>[0-9]{{3,4}})(?= (?:[NSEW]\.? )?(?:[A-Z][a-z]{{1,20}} |[0-9]{{1,3}}[a-z]{{2}} ){{1,3}}"
            rf"{_STREETS})"
        ),
        _house,
    ),
    Rule((DIGIT,), re.compile(rf"{START}(?P<digits>[0-9]++){END}"), _named_number),
]
