"""Dates: "March 3, 2021", "3 March", "2021-03-04", "03/04/2021" (the month first, as in America), "Fri., Jan. 5"."""

import re
from calendar import monthrange

from saladkit.speech.normalizing.numbers import DASH, END, START, ordinal, year
from saladkit.speech.normalizing.rewriting import DIGIT, Rule, Said, previous_word, said

_NAMES = "January February March April May June July August September October November December".split()
_MONTHS = {short: name for name in _NAMES for short in (name, name[:3])} | {"Sept": "September"}
# in lower case, "may" and "march" are other words
_MONTHS |= {name.lower(): name.lower() for name in _NAMES if name not in ("May", "March")}
_MONTHS |= {name.upper(): full for name, full in list(_MONTHS.items()) if name[0].isupper()}
_WEEKDAYS = {
    **{"Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday"},
    **{"Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday"},
}

_MONTH = rf"(?P<month>(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?)"
_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])"
_TH = r"(?:st|nd|rd|th)?"
_YEAR = rf"(?:(?P<comma>,?) (?P<year>[12][0-9]{{3}}){END})?"
_COUNTED = r"(?! (?:hundred|thousand|million|billion|percent|%|people|times|days|weeks|months|years)\b)"  # no dates


def _full_name(month: str) -> str:
    """Return the full name of a month or of its abbreviation."""
    name = _MONTHS[month.rstrip(".")]
    return month.rstrip(".") if month.rstrip(".").lower() == name.lower() else name


def _exists(month: str, day: str, in_year: str | None) -> bool:
    """Return whether the date exists; without a year, whether it exists in a leap year."""
    digits = in_year or "2000"
    number = _NAMES.index(_MONTHS[month.rstrip(".")].capitalize()) + 1
    return int(day) <= monthrange(int(digits) if len(digits) == 4 else 2000 + int(digits), number)[1]


def _month_day(match: re.Match) -> list[Said] | None:
    if not _exists(match["month"], match["last"] or match["day"], match["year"]):
        return None
    comma = match["comma"] or ""
    if match["last"]:
        days = [(ordinal(match["day"]), "day"), ("to", "dash"), (ordinal(match["last"]) + comma, "last")]
    else:
        days = [(ordinal(match["day"]) + comma, "day")]
    return said(match, (_full_name(match["month"]), "month"), *days, *_year_of(match))


def _day_month(match: re.Match) -> list[Said] | None:
    """Say "3 March" as "the third of March" and "3rd of March" as "third of March", without a second "the"."""
    if not _exists(match["month"], match["last"] or match["day"], match["year"]):
        return None
    article = "" if match["of"] or previous_word(match).lower() == "the" else "the "
    of = ("of", "of" if match["of"] else "last" if match["last"] else "day")
    days = [(f"{article}{ordinal(match['day'])}", "day")]
    if match["last"]:
        days += [("to", "dash"), (ordinal(match["last"]), "last")]
    return said(match, *days, of, (_full_name(match["month"]) + (match["comma"] or ""), "month"), *_year_of(match))


def _year_of(match: re.Match) -> list[tuple[str, str]]:
    return [(year(match["year"]), "year")] if match["year"] else []


def _month_year(match: re.Match) -> list[Said]:
    return said(match, (_full_name(match["month"]) + match["comma"], "month"), (year(match["year"]), "year"))


def _iso(match: re.Match) -> list[Said] | None:
    return _date(match, int(match["month"]), int(match["day"]))


def _in_figures(match: re.Match) -> list[Said] | None:
    month, day = int(match["month"]), int(match["day"])
    if month > 12 >= day:
        month, day = day, month
    elif match["sign"] == "." or month > 12:
        return None  # ambiguous: with dots the day comes first in most countries
    return _date(match, month, day)


def _date(match: re.Match, month: int, day: int) -> list[Said] | None:
    if not 1 <= month <= 12 or day == 0 or not _exists(_NAMES[month - 1], str(day), match["year"]):
        return None
    return said(match, (f"{_NAMES[month - 1]} {ordinal(str(day))}, {year(match['year'])}", 0))


def _weekday(match: re.Match) -> list[Said]:
    return said(match, (_WEEKDAYS[match["name"]] + match["comma"], 0))


_MONTH_DAY = re.compile(
    rf"{_MONTH} (?P<day>{_DAY}){_TH}(?:(?P<dash>{DASH})(?P<last>{_DAY}){_TH})?{END}{_COUNTED}{_YEAR}"
)
_MONTH_YEAR = re.compile(rf"{_MONTH}(?P<comma>,?) (?P<year>[12][0-9]{{3}}){END}{_COUNTED}")
_DAY_MONTH = re.compile(
    rf"{START}(?P<day>{_DAY}){_TH}(?:(?P<dash>{DASH})(?P<last>{_DAY}){_TH})?(?: (?P<of>of))? {_MONTH}(?!\w){_YEAR}"
)
_ISO = re.compile(
    rf"{START}(?P<year>[12][0-9]{{3}})(?P<sign>[-/.])(?P<month>[01]?[0-9])(?P=sign)(?P<day>[0-3]?[0-9]){END}"
)
_FIGURES = re.compile(
    rf"{START}(?P<month>[0-3]?[0-9])(?P<sign>[-/.])(?P<day>[0-3]?[0-9])(?P=sign)"
    rf"(?P<year>[12][0-9]{{3}}|(?<=/)[0-9]{{2}}){END}"
)
_WEEKDAY = re.compile(
    rf"(?P<name>{'|'.join(sorted(_WEEKDAYS, key=len, reverse=True))})\b\.?(?P<comma>,?)(?= {_MONTH} [0-9])"
)
RULES = [
    Rule(tuple(_MONTHS), _MONTH_DAY, _month_day),
    Rule(tuple(_MONTHS), _MONTH_YEAR, _month_year),
    Rule(tuple(_WEEKDAYS), _WEEKDAY, _weekday),
    Rule((DIGIT,), _DAY_MONTH, _day_month),
    Rule((DIGIT,), _ISO, _iso),
    Rule((DIGIT,), _FIGURES, _in_figures),
]
