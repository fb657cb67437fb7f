"""Codes: versions ("1.2.3"), and digits among letters ("MP3", "A380", "5G", "1.5x")."""

import re

from saladkit.speech.normalizing.atomic import as_many
from saladkit.speech.normalizing.numbers import (
    END,
    NUMBER,
    START,
    cardinal,
    digit_by_digit,
    number,
    number_of_name,
    plural,
)
from saladkit.speech.normalizing.rewriting import CODE, DIGIT, Rule, Said, said


def _version(match: re.Match) -> list[Said] | None:
    """Say "1.2.3" with "point", and the four numbers of an internet address with "dot"."""
    parts = match["parts"].split(".")
    if len(parts) == 3 and len(parts[-1]) == 4:
        return None  # a date, in which the month or the day may come first
    if len(parts) == 4 and all(len(part) <= 3 for part in parts):
        spoken = " dot ".join(map(digit_by_digit, parts))
    else:
        spoken = " point ".join(map(cardinal, parts))
    return said(match, (spoken, 0))


def _letters_and_digits(match: re.Match) -> list[Said] | None:
    """Say "MP3" as "MP three", "A380" as "A three eighty", "GPT3.5" as "GPT three point five"."""
    code, decimals = match["code"], match["decimals"]
    pieces = re.findall(r"[A-Za-z]+|[0-9]+", code)
    if len(code) > 12 or len(pieces) > 5 or re.fullmatch(r"[0-9]+[eE][0-9]+|0[xX].*", code):
        return None
    if decimals:
        if not pieces[-1].isdecimal():
            return None
        points = "".join(f" point {digit_by_digit(part)}" for part in decimals[1:].split("."))
        return said(match, (f"{' '.join(pieces[:-1])} {cardinal(pieces[-1])}{points}", 0))
    if pieces[-1] == "s" and len(pieces) > 1:  # "747s"
        pieces[-2:] = [plural(number_of_name(pieces[-2]))]
    return said(match, (" ".join(number_of_name(p) if p.isdecimal() else p for p in pieces), 0))


def _number_and_letter(match: re.Match) -> list[Said]:
    return said(match, (f"{number(match['number'])} {match['letter']}", 0))


_DECIMALS = as_many(r"\.[0-9]{1,3}+")
RULES = [
    Rule((DIGIT,), re.compile(rf"{START}(?P<parts>[0-9]{{1,4}}+(?:\.[0-9]{{1,5}}+){{2,6}}){END}"), _version),
    Rule(
        (DIGIT, CODE),
        re.compile(
            r"(?<![\w.,$£€^])(?=[0-9]*+[A-Za-z])(?P<code>[A-Za-z]{0,10}+[0-9]++[A-Za-z0-9]*+)"
            rf"(?P<decimals>{_DECIMALS}){END}"
        ),
        _letters_and_digits,
    ),
    Rule((DIGIT, "."), re.compile(rf"{START}(?P<number>{NUMBER})(?P<letter>[A-Za-z]){END}"), _number_and_letter),
]
