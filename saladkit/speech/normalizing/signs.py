"""Signs that are spoken: "&", "#5", "2 + 2 = 4", "~5", "@home"."""

import re

from saladkit.speech.normalizing.numbers import NUMBER
from saladkit.speech.normalizing.plain_numbers import OPERATORS
from saladkit.speech.normalizing.rewriting import Rule, Said, said

_BEFORE_NUMBERS = {
    **{"#": "number", "~": "about", "≈": "about", "<": "less than", ">": "more than", "±": "plus or minus"},
    **{"≤": "at most", "≥": "at least", "§": "section", "@": "at"},
}
_ALONE = OPERATORS | {
    **{"&": "and", "%": "percent", "@": "at", "≈": "is about", "±": "plus or minus", "°": "degrees"},
    **{"<": "is less than", ">": "is more than", "≤": "is at most", "≥": "is at least", "≠": "is not"},
}
# spoken only between two numbers or single letters: elsewhere "-" is a dash, "*" a bullet, ">" a quotation
_BETWEEN_NUMBERS = {"-", "*", "<", ">", "−"}


def _before_number(match: re.Match) -> list[Said]:
    return said(match, (f"{_BEFORE_NUMBERS[match[0][0]]} ", 0))


def _alone(match: re.Match) -> list[Said] | None:
    sign = match[0]
    if sign in _BETWEEN_NUMBERS:
        around = match.string[max(0, match.start() - 3) : match.end() + 24]
        equation = r"[0-9A-Za-z)] . [-(]?[0-9.A-Za-z)]{1,12} [=≠]" if sign in "-−" else r"[0-9A-Za-z)] . [-(]?[0-9.]"
        if not re.search(equation, around):
            return None
    return said(match, (_ALONE[sign], 0))


def _and(match: re.Match) -> list[Said]:
    return said(match, (" and ", 0))


def _equals(match: re.Match) -> list[Said]:
    return said(match, (" equals ", 0))


def _hashtag(match: re.Match) -> list[Said]:
    return said(match, ("hashtag ", 0))


def _at(match: re.Match) -> list[Said]:
    return said(match, ("at ", 0))


RULES = [
    Rule(
        tuple(_BEFORE_NUMBERS),
        re.compile(rf"(?<![^\s(\[\"'“‘])[{''.join(_BEFORE_NUMBERS)}](?=[-−+]?[$£€]?{NUMBER})"),
        _before_number,
    ),
    Rule(tuple(_ALONE), re.compile(rf"(?<!\S)[{re.escape(''.join(_ALONE))}](?!\S)"), _alone),
    Rule(("&",), re.compile(r"(?<=\w)&(?=\w)(?!#?\w{1,8};)"), _and),
    Rule(("=",), re.compile(r"(?<=\b\w)=(?=[\w-])|(?<=[\w²³)])=(?=-?(?:[0-9]|\w\b))"), _equals),
    Rule(("#",), re.compile(r"(?<![^\s(\[\"'“‘])#(?=[A-Za-z]\w)"), _hashtag),
    Rule(("@",), re.compile(r"(?<![^\s(\[\"'“‘.])@(?=[A-Za-z]\w)"), _at),
]
