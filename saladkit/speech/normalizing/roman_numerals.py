"""Roman numerals whose context leaves no doubt: "Chapter IV", "World War II", "Henry VIII"."""

import re

from saladkit.speech.normalizing.numbers import cardinal, ordinal, roman
from saladkit.speech.normalizing.rewriting import Rule, Said, previous_word, said

_COUNTED = "Chapter Part Book Volume Vol. Act Scene Section Article Title Phase Type Class Level Stage Appendix Figure"
_COUNTED += " Table Episode Season Round Division War Bowl Apollo Gemini Saturn Olympiad Vatican Rocky Corps Factor"
# after these words "I", "V" and "X" are numbers too
_COUNTED_FROM_ONE = set("Chapter Part Book Volume Act Scene Section Article War Type".split())
# What may follow the numeral "I": after "Book I read" and most other words, "I" is somebody
_BEHIND_ONE = set("of is and or to through until in by vs deals covers contains describes begins ends opens".split())
_VERBS_OF_SOMEBODY = set(
    "am was have had do did will would can could should may might must never always really".split()
)
_VERBS_OF_SOMEBODY |= set(
    "like liked love loved want wanted need needed use used prefer see saw know knew think".split()
)
_MONARCHS = "Albert Alexander Alfonso Amenhotep Benedict Boniface Carl Catherine Charles Christian Clement Constantine"
_MONARCHS += " Darius Edward Elizabeth Ferdinand Francis Frederick George Gregory Gustav Haakon Harald Henry Innocent"
_MONARCHS += " Ivan James John Juan Julius Justinian Leo Leopold Louis Manuel Mary Maximilian Mehmed Murad Napoleon"
_MONARCHS += (
    " Nicholas Olav Otto Paul Pedro Peter Philip Pius Ptolemy Ramesses Ramses Richard Robert Rudolf Selim Sixtus"
)
_MONARCHS += " Stephen Suleiman Thutmose Umberto Urban Victor Wilhelm William Xerxes Emmanuel"
_NUMERAL = r"(?P<numeral>[IVXL]{1,8})(?=['’]s\b|[^\w'’]|\Z)(?!\.\w|-)"


def _counted(match: re.Match) -> list[Said] | None:
    name = "Volume" if match["name"] == "Vol." else match["name"]
    numeral, value = match["numeral"], roman(match["numeral"])
    if value is None or numeral == "L" or len(numeral) == 1 and name not in _COUNTED_FROM_ONE:
        return None
    if numeral == "I" and _is_somebody(match):
        return None
    return said(match, (name, "name"), (cardinal(str(value)), "numeral"))


def _is_somebody(match: re.Match) -> bool:
    """Return whether the "I" of a match is the pronoun, as in "Book I read" and not in "World War I began"."""
    following = re.match(r" ([a-z]+)", match.string[match.end() : match.end() + 24])
    if not following or following[1] in _BEHIND_ONE:
        return False
    if match["name"] == "Type":  # "Type I diabetes"
        return following[1] in _VERBS_OF_SOMEBODY
    return not (match["name"] == "War" and previous_word(match) in ("World", "Gulf", "Punic"))


def _monarch(match: re.Match) -> list[Said] | None:
    """Say the numerals of monarchs. "I" needs a title before the name or a realm after it: "Elizabeth I love you"."""
    numeral, value = match["numeral"], roman(match["numeral"])
    title = re.search(
        r"\b(?:King|Queen|Pope|Emperor|Empress|Tsar|Czar|Kaiser|Prince|Sultan|Pharaoh) \Z",
        match.string[max(0, match.start() - 10) : match.start()],
    )
    if value is None or numeral == "L" or numeral == "I" and not title and not match["realm"]:
        return None
    if len(numeral) == 1 and re.match(r"\. [A-Z]", match.string[match.end() : match.end() + 3]):
        return None  # "George V. Higgins"
    return said(match, (match["name"], "name"), (f"the {ordinal(str(value))}", "numeral"))


RULES = [
    Rule(
        tuple(word.rstrip(".") for word in _COUNTED.split()),
        re.compile(rf"(?P<name>{'|'.join(map(re.escape, _COUNTED.split()))}) {_NUMERAL}"),
        _counted,
    ),
    Rule(
        tuple(_MONARCHS.split()),
        re.compile(rf"(?P<name>{'|'.join(_MONARCHS.split())}) {_NUMERAL}(?= (?P<realm>of [A-Z]))?"),
        _monarch,
    ),
]
