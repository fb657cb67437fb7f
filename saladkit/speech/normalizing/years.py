"""Years and decades: "1984", "1939-45", "2020/21", "the 1980s", "'90s", "the class of '68"."""

import re

from saladkit.speech.normalizing.numbers import END, START, cardinal, plural, year
from saladkit.speech.normalizing.rewriting import DIGIT, Rule, Said, previous_word, said

_BEFORE_A_YEAR = set("in since of by until till from before after during circa around year early late c. ca.".split())
# after these words a number is a count, and before them: "more than 1815 died", "1815 people"
_BEFORE_A_COUNT = {"nearly", "almost", "exactly", "least", "another", "additional", "approximately", "roughly"}
_MORE_THAN = re.compile(r"\b(?:more|less|fewer|greater|higher|lower) than \Z", re.IGNORECASE)
_COUNTED = set("people men women children feet geese mice police cattle sheep dead of years days hours minutes".split())
_COUNTED |= set("miles kilometers kilometres meters metres pounds dollars euros votes students soldiers words".split())
_RECENT = range(1900, 2051)  # of events that have a plural: "2024 Olympics"
# words in "s" that follow years as verbs: "1984 was", "1815 marks"
_NOT_COUNTED = set(
    "was is has does as its his this us marks sees brings begins ends starts shows remains proves".split()
)
_NOT_COUNTED |= set(
    "gives takes makes comes becomes seems stands saw versus perhaps always thus across plus vs".split()
)
_BEFORE_A_COUNTED_YEAR = {"the", "a", "an", "this", "that", "its", "their", "our", "his", "her", "my", "your"}
_DECADE_END = r"['’]?s(?![\w'’])"


def _year(match: re.Match) -> list[Said] | None:
    """Say numbers from 1100 to 2099 as years, which most of them are; the others may be read in the same way."""
    number = int(match["year"])
    if _is_count(match):
        return None
    if 1100 <= number <= 2099 or 1000 < number < 1100 and previous_word(match).lower() in _BEFORE_A_YEAR:
        return said(match, (year(match["year"]), "year"))
    return None


def _is_count(match: re.Match) -> bool:
    """Return whether a number counts what follows, as in "1815 people", and is no year, as in "the 1996 elections"."""
    before = previous_word(match).lower()
    if match["year"].endswith("00"):  # "fifteen hundred" is a year and a count
        return False
    if before in _BEFORE_A_COUNT or _MORE_THAN.search(match.string[max(0, match.start() - 16) : match.start()]):
        return True
    following = re.match(r" ([a-z]{2,24})\b(?![-'’])", match.string[match.end() : match.end() + 27])
    if not following or before in _BEFORE_A_YEAR | _BEFORE_A_COUNTED_YEAR:
        return False
    word = following[1]
    if word in _COUNTED or int(match["year"]) in _RECENT:
        return word in _COUNTED
    return word.endswith("s") and not word.endswith("ss") and word not in _NOT_COUNTED


def _years(match: re.Match) -> list[Said] | None:
    first, last, dash = match["first"], match["last"], match["dash"]
    until = int(last) if len(last) == 4 else int(first[:2] + last)
    if dash == "/":
        return said(match, (f"{year(first)} {year(last)}", 0)) if until == int(first) + 1 else None
    if not int(first) < until:
        return None
    return said(match, (year(first), "first"), ("to", "dash"), (year(last), "last"))


def _decade(match: re.Match) -> list[Said] | None:
    first, last = match["decade"], match["until"]
    spoken = f"{_plural_year(first)} to {_plural_year(last)}" if last else _plural_year(first)
    return said(match, (spoken, 0))


def _plural_year(digits: str) -> str:
    """Return "nineteen eighties" for "1980", "nineties" for "90", "hundreds" for "100"."""
    if len(digits) == 3 or digits in ("1000", "10000"):
        return plural(cardinal(digits).removeprefix("one "))
    return plural(year(digits) if len(digits) == 4 else cardinal(digits))


def _short_year(match: re.Match) -> list[Said]:
    return said(match, (year(match["year"]), 0))


_DECADE = r"(?:[12][0-9]{2}0|[1-9]0|1000?0?)"
RULES = [
    Rule(
        (DIGIT,),
        re.compile(
            rf"{START}(?P<first>[12][0-9]{{3}})(?P<dash>[-–—−/]| [–—] )(?P<last>[12][0-9]{{3}}|[0-9]{{2}}){END}"
        ),
        _years,
    ),
    Rule(
        (DIGIT, "'", "’", "‘"),
        re.compile(
            rf"(?:{START}['’‘]|{START})(?P<decade>{_DECADE}){_DECADE_END}"
            rf"(?:[-–—]['’]?(?P<until>[12][0-9]{{2}}0|[1-9]0){_DECADE_END})?(?![-–—'’]?[0-9])"
        ),
        _decade,
    ),
    Rule(("'", "’"), re.compile(rf"(?<!\S)['’](?P<year>[0-9]{{2}}){END}(?!['’])"), _short_year),
    Rule((DIGIT,), re.compile(rf"{START}(?P<year>[12][0-9]{{3}}){END}"), _year),
]
