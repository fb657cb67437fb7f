"""Times of day ("10:30", "9am-5pm"), durations ("2h 31m"), ratios ("3:1") and verses ("John 3:16")."""

import re

from saladkit.speech.normalizing.atomic import atomic
from saladkit.speech.normalizing.numbers import END, START, cardinal, year
from saladkit.speech.normalizing.rewriting import DIGIT, Rule, Said, previous_word, said


def _clock(name: str) -> str:
    half = r"[AaPp](?:\.[Mm]\b\.?|[Mm]\b\.?)"
    minutes = rf"(?:[:.](?P<minute{name}>[0-5][0-9])(?::(?P<second{name}>[0-5][0-9]))?)?"
    return rf"(?P<hour{name}>[01]?[0-9]|2[0-4]){atomic(f'minutes{name}', minutes)}(?: ?(?P<half{name}>{half}))?"


def _hour_and_minute(match: re.Match, name: str) -> str | None:
    hour, minute, second = (match[f"{part}{name}"] for part in ("hour", "minute", "second"))
    half = match[f"half{name}"]
    spoken = cardinal(str(int(hour)))
    if half and not 1 <= int(hour) <= 12:
        return None
    if second in (None, "00"):
        if minute is None or half and minute == "00":
            return spoken
        if minute == "00":
            return f"{spoken} o'clock" if 1 <= int(hour) <= 12 else f"{spoken} hundred"
        return f"{spoken} {year(minute)}"
    return f"{spoken} {year(minute)} {year(second)}" if minute != "00" else None


def _time(match: re.Match) -> list[Said] | None:
    has_colon = ":" in match[0]
    if not has_colon and not match["half"] and not match["half2"]:
        return None  # "10.30" is a number, "5-7" a range
    phrases: list[Said] = []
    for name in ("", "2") if match["dash"] else ("",):
        spoken = _hour_and_minute(match, name)
        if spoken is None:
            return None
        if name:
            phrases.append(Said("to", match.start("dash"), match.end("dash")))
        first, last = f"hour{name}", "second minute hour".split()
        end = next(match.end(f"{part}{name}") for part in last if match[f"{part}{name}"])
        phrases.append(Said(spoken, match.start(first), end))
        if match[f"half{name}"]:
            phrases += said(match, (f"{match[f'half{name}'][0].lower()}.m.", f"half{name}"))
    return phrases


def _ratio(match: re.Match) -> list[Said] | None:
    """Say "3:1" as "three to one"; after a name, the numbers are a chapter and its verses: "Mark 13:4-7"."""
    is_verse = previous_word(match)[:1].isupper()
    if match["until"] and not is_verse:
        return None
    spoken = f"{cardinal(match['left'])} {'' if is_verse else 'to '}{cardinal(match['right'])}"
    return said(match, (f"{spoken} to {cardinal(match['until'])}" if match["until"] else spoken, 0))


def _duration(match: re.Match) -> list[Said] | None:
    if not match["hours"] and not match["seconds"]:
        return None  # "5 m" is five meters
    phrases: list[Said] = []
    for unit in ("hour", "minute", "second"):
        if count := match[f"{unit}s"]:
            phrases += said(match, (cardinal(count), f"{unit}s"), (unit if count == "1" else f"{unit}s", unit))
    return phrases


_TIME = re.compile(rf"{START}{_clock('')}(?:(?P<dash>[-–—]| [-–—] ){_clock('2')})?{END}")
_RATIO = re.compile(
    rf"{START}(?P<left>[1-9][0-9]{{0,2}}):(?P<right>[1-9][0-9]{{0,2}})(?:[-–](?P<until>[1-9][0-9]{{0,2}}))?{END}"
)
_DURATION = re.compile(
    rf"{START}(?:(?P<hours>[0-9]{{1,2}}) ?(?P<hour>h) ?)?(?P<minutes>[0-9]{{1,2}}) ?(?P<minute>m(?:in)?)"
    r"(?: ?(?P<seconds>[0-9]{1,2}) ?(?P<second>s))?(?![\w/²³])"
)
RULES = [Rule((DIGIT,), _TIME, _time), Rule((DIGIT,), _RATIO, _ratio), Rule((DIGIT,), _DURATION, _duration)]
