"""Numbers with a unit: "10 km/h", "5-10%", "1/2 lb.", "25 x 7 m", "a 5-km run"."""

import re

from saladkit.speech.normalizing.fractions import SIGNS, VALUE, is_one, is_part, value
from saladkit.speech.normalizing.numbers import DASH, END, NUMBER, START, number
from saladkit.speech.normalizing.rewriting import DIGIT, Rule, Said, said
from saladkit.speech.normalizing.units import DOTTED, PER, UNITS


def _any_of(names: dict) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


_NO_SENTENCE_END = r"\.(?= [a-z0-9(]|[,;:)])"
# "5s" means several fives, and "in 5 in" no inches: "s" needs a space or decimals before it, "in" and "c" a dot after
_ONLY_SOMETIMES = rf"(?:(?<=[ -])|(?<=\.[0-9])|(?<=\.[0-9][0-9]))s|(?:in|c)(?={_NO_SENTENCE_END})"
_OTHERS = _any_of({sign: names for sign, names in UNITS.items() if sign not in ("s", "in", "c")})
_UNIT = (
    rf"(?P<gap>[ -]?)(?P<unit>{_ONLY_SOMETIMES}|{_OTHERS})(?:/(?P<per>{_any_of(PER)}))?"
    rf"(?:(?:{'|'.join(f'(?<={sign})' for sign in DOTTED)}){_NO_SENTENCE_END})?"
    r"(?![\w²³^°%/Ω])(?![.,\-–—−][0-9])(?!\.\w)"
)
# "5m people" are millions, "100m sprint" is meters
_COUNTED_IN_MILLIONS = re.compile(
    " (?:people|users|jobs|homes|households|customers|viewers|workers|children|copies|barrels|tons|tonnes|dollars"
    r"|pounds|euros|years|subscribers|followers|voters|men|women)\b"
)


def _quantity(match: re.Match) -> list[Said] | None:
    low, high = value(match["low"]), value(match["high"]) if match["high"] else ""
    if low is None or high is None:
        return None
    sign = {"-": "minus ", "−": "minus ", "+": "plus "}.get(match["sign"], "")
    last = match["high"] or match["low"]
    one, many = UNITS[match["unit"]]
    if match["unit"] == "m" and match["gap"] == "" and _COUNTED_IN_MILLIONS.match(match.string, match.end()):
        one = many = "million"
    unit = one if match["gap"] == "-" or is_one(last) or match.string[match.end() : match.end() + 1] == "-" else many
    if unit != one and is_part(last):
        unit = f"of {'an' if one[0] in 'aeio' or one == 'hour' else 'a'} {one}"
    if match["per"]:
        unit += f" per {PER[match['per']]}"
    return [
        Said(f"{sign}{low}", match.start(), match.end("low")),
        *(said(match, ("to", "dash"), (high, "high")) if high else []),
        Said(unit, match.start("unit"), match.end()),
    ]


def _dimensions(match: re.Match) -> list[Said] | None:
    phrases = []
    for part in re.finditer(rf"(?P<by> ?[x×] ?)?(?P<side>{NUMBER})", match["sides"]):
        if part["by"] == " × " and not match["unit"]:
            return None
        offset = match.start("sides")
        if part["by"]:
            cross = part.start("by") + (part["by"][0] == " ")
            phrases.append(Said("by", offset + cross, offset + cross + 1))
        phrases.append(Said(number(part["side"]), offset + part.start("side"), offset + part.end()))
    if match["unit"]:
        one, many = UNITS[match["unit"]]
        unit = one if match["gap"] == "-" else many
        phrases.append(Said(unit, match.start("unit"), match.end()))
    return phrases


def _feet_and_inches(match: re.Match) -> list[Said]:
    return said(match, (f"{number(match['feet'])} foot {number(match['inches'])}", 0))


_STARTS = (DIGIT, ".", *SIGNS)
_QUANTITY = re.compile(
    rf"{START}(?P<sign>[-−+]?)(?P<low>{VALUE})(?:%?(?P<dash>{DASH}| [–—-] )(?P<high>{VALUE}))?{_UNIT}"
)
_DIMENSIONS = re.compile(rf"{START}(?P<sides>{NUMBER}(?: ?[x×] ?{NUMBER}){{1,3}})(?:{_UNIT}|{END})")
_FEET_AND_INCHES = re.compile(rf"{START}(?P<feet>[1-9])['’′](?P<inches>[0-9]|1[01])[\"”″](?!\w)")
RULES = [
    Rule((*_STARTS, "-", "−", "+"), _QUANTITY, _quantity),
    Rule((DIGIT,), _DIMENSIONS, _dimensions),
    Rule((DIGIT,), _FEET_AND_INCHES, _feet_and_inches),
]
