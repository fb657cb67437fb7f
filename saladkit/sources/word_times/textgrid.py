"""Praat's TextGrid, read and written by praatio.

Praat reads as data only numbers and texts in double quotes that have white space on both sides, in their order; all
else is for people (Praat's manual, "TextGrid file formats"). praatio expects the lines of the long or the short form,
and returns wrong or too few intervals of a damaged file without an error. So praatio is given the data alone, in the
short form, and must return the same data.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from praatio.utilities import textgrid_io
from praatio.utilities.constants import INTERVAL_TIER

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.text_files import encoding_of
from saladkit.sources.word_times.files_by_id import words_by_id
from saladkit.sources.word_times.microseconds import microseconds
from saladkit.sources.word_times.named_times import NamedTimes

SUFFIX = ".TextGrid"
BINARY = b"ooBinaryFile"
# MFA's "words" and "Anna - words"; WebMAUS's "ORT-MAU" and "ORT"
_TIER_OF_WORDS = re.compile(r"(?:.* - )?words?|ORT(?:-MAU)?", re.IGNORECASE | re.DOTALL)
# Between white space: a text, a number (and what is attached to it, such as a unit), or a comment.
_DATA = re.compile(
    r'(?<!\S)(?:(?P<text>"[^"]*(?:""[^"]*)*")(?!\S)'
    r"|(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\S*"
    r"|![^\n]*)"
)


@dataclass(frozen=True)
class Tier:
    """An interval tier: its name, and (start in s, end in s, label) of every interval, in the file's order."""

    name: str
    intervals: list[tuple[float, float, str]]


def open_textgrids(path: Path) -> NamedTimes:
    """Return the words of each file; empty intervals are pauses, and an interval of several words is one `Word`.

    Raises:
        SaladError: no file is a TextGrid. Reading one that is cut short, or has no tier of words, raises one too.
    """
    return words_by_id(path, SUFFIX, _words)


def read_textgrid(path: Path) -> list[Tier]:
    """Return the interval tiers of a file in UTF-8 or UTF-16.

    Raises:
        SaladError: the file is not a TextGrid, is cut short, or is in another encoding.
    """
    try:
        content = path.read_bytes()
        if content.startswith(BINARY):
            raise ValueError("it is a binary TextGrid, and only TextGrids in text are read")
        text = content.decode(encoding_of(content)).replace("\r\n", "\n")
        return _tiers([found[found.lastgroup] for found in _DATA.finditer(text) if found.lastgroup])
    except (OSError, ValueError, OverflowError) as error:  # other encodings are ValueErrors
        raise SaladError(
            f"{path} is not a complete TextGrid: {error}",
            "Write the file again, or open it in Praat and save it as a text file in UTF-8.",
        ) from error


def textgrid(words: list[Word], duration: float | None) -> str:
    """Return a TextGrid of one tier `words`, with pauses as empty intervals.

    Args:
        words: all with times, each starting no earlier than the one before ends.
        duration: where the tier ends, in s; None, or a time before the last word ends, for the end of the last word.
    """
    entries = [(_rounded(word.start), _rounded(word.end), word.word) for word in words]
    length = max(entries[-1][1], _rounded(duration))
    tier = {"class": INTERVAL_TIER, "name": "words", "xmin": 0.0, "xmax": length, "entries": entries}
    grid = {"xmin": 0.0, "xmax": length, "tiers": [tier]}
    written = textgrid_io.getTextgridAsStr(grid, "long_textgrid", includeBlankSpaces=True, minimumIntervalLength=None)
    # praatio writes 50 microseconds as 5e-05, which it cannot read again.
    return re.sub(r"(?m)^( *xmax| {12}xmin) = (\S+) $", lambda found: f"{found[1]} = {float(found[2]):.6f} ", written)


def _rounded(seconds: float | None) -> float:
    """Return seconds to the microsecond; 0 for what is not a finite number."""
    return (microseconds(seconds) or 0) / 1_000_000


def _tiers(data: list[str]) -> list[Tier]:
    """Return the interval tiers of data (texts in quotes, and numbers); ValueError if some of it is missing."""
    if len(data) >= 2 and not (data[0].startswith('"ooTextFile') and data[1] == '"TextGrid"'):
        raise ValueError("its header is not that of a TextGrid")
    if len(data) < 5:
        raise ValueError("it is cut short")
    values = [_value(item) for item in data[4:]]  # the first is the number of tiers
    if values == [0]:
        return []
    try:
        found = textgrid_io.parseTextgridStr(_short_form(data), includeEmptyIntervals=True)["tiers"]
    except (ValueError, IndexError) as error:
        raise ValueError("it is cut short or damaged") from error
    read: list[str | float] = [len(found)]
    for tier in found:
        tier["entries"] = [(*map(_seconds, times), label) for *times, label in tier["entries"]]
        read += [tier["class"], tier["name"], tier["xmin"], tier["xmax"], len(tier["entries"])]
        read += [value for entry in tier["entries"] for value in entry]
    if read != values:
        raise ValueError(f"it is cut short or damaged: {_other_numbers(values, found)}")
    return [Tier(tier["name"], tier["entries"]) for tier in found if tier["class"] == INTERVAL_TIER]


def _other_numbers(values: list[str | float], tiers: list[dict]) -> str:
    """Return what is wrong with data whose `values` are not those of the tiers that praatio found in it."""
    problem, at = "it declares other numbers of tiers or intervals than it has", 1
    if isinstance(values[0], float) and values[0] != len(tiers):
        return f"{problem} (it declares {values[0]:g} tiers and has {len(tiers)})"
    for tier in tiers:
        (declared,) = values[at + 4 : at + 5] or [""]
        if isinstance(declared, float) and declared != len(tier["entries"]):
            return f"{problem} (the tier {tier['name']!r} declares {declared:g} and has {len(tier['entries'])})"
        at += 5 + sum(map(len, tier["entries"]))
    return problem


def _value(item: str) -> str | float:
    """Return a text without its quotes, stripped as praatio does, or a number."""
    return item[1:-1].strip().replace('""', '"') if item.startswith('"') else float(item)


def _short_form(data: list[str]) -> str:
    """Return the data as a TextGrid that praatio reads: one text or number a line, numbers without exponents."""
    plain = [item if item.startswith('"') else np.format_float_positional(float(item)) for item in data[2:]]
    return "\n".join(['File type = "ooTextFile short"', '"TextGrid"', "", *plain[:2], "<exists>", *plain[2:], ""])


def _seconds(field: str) -> float:
    try:
        return float(field)
    except ValueError as error:
        raise ValueError(f"there is {field!r} where a number belongs") from error


def _words(file: Path) -> list[Word]:
    tiers = read_textgrid(file)
    named = [tier for tier in tiers if _TIER_OF_WORDS.fullmatch(tier.name.strip())]
    chosen = named or (tiers if len(tiers) == 1 else [])
    if not chosen:
        names = ", ".join(repr(tier.name) for tier in tiers) or "none"
        raise SaladError(
            f"{file} has no tier of words (its interval tiers: {names})",
            "Rename the tier that holds the words to 'words'.",
        )
    intervals = [interval for tier in chosen for interval in tier.intervals]
    if len(chosen) > 1:  # speakers take turns
        intervals.sort(key=lambda interval: interval[0])
    return [Word(label, start, end) for start, end, label in intervals if label]
