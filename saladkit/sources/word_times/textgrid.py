"""Praat's TextGrid, as text: read as Praat reads it, and written in its long form.

Praat takes as data what stands free in the file: numbers, and texts in double quotes, in their order; all else is for
people. So the long form, the short form and whatever lies between are one format (Praat's manual, "TextGrid file
formats"). praatio reads each form by its own layout. On the same files it loses the end of one that was cut between
two intervals, drops the sign of a negative time, and refuses numbers such as 5e-05, comments, and labels such as
"item [2]"; here the numbers of tiers and intervals that the file declares are held to what is found. The tests take
praatio as the other reader and writer.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.word_times.files_by_id import files_by_id
from saladkit.sources.word_times.microseconds import microseconds, spelled

SUFFIX = ".TextGrid"
# At the beginning of what stands free: a text, a number with whatever sticks to it, a comment, or something else.
_TOKEN = re.compile(
    r'(?<!\S)(?:"(?P<text>[^"]*(?:""[^"]*)*)"(?!\S)'
    r"|(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\S*"
    r"|![^\n]*)"
)


@dataclass(frozen=True)
class Tier:
    """An interval tier: its name, and (start in s, end in s, label) of every interval, in the file's order."""

    name: str
    intervals: list[tuple[float, float, str]]


def open_textgrids(path: Path) -> Callable[[str], list[Word] | None]:
    """A function from ids to the words of their files; empty intervals are no words.

    Raises:
        SaladError: not one file; the function does for a file that is cut short or has no tier of words.
    """
    find = files_by_id(path, SUFFIX)

    def words_of(id_: str) -> list[Word] | None:
        file = find(id_)
        return None if file is None else _words(file)

    return words_of


def read_textgrid(path: Path) -> list[Tier]:
    """The interval tiers of a file in UTF-8 or UTF-16.

    Raises:
        SaladError: no TextGrid, one that is cut short, or one in another encoding.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")
        return _tiers(_TOKEN.finditer(text))
    except (OSError, ValueError, OverflowError) as error:  # other encodings are ValueErrors
        raise SaladError(
            f"{path} is no whole TextGrid: {error}", "Open it in Praat and save it as a text file, in UTF-8."
        ) from error


def textgrid(words: list[Word], duration: float | None) -> str:
    """A TextGrid of one tier `words`, pauses as empty intervals, up to `duration` s or else the last word's end.

    Every word has times, and begins no earlier than the one before ends.
    """
    intervals: list[tuple[int, int, str]] = []
    reached = 0
    for word in words:
        start, end = microseconds(word.start), microseconds(word.end)
        if start > reached:
            intervals.append((reached, start, ""))
        intervals.append((start, end, word.word))
        reached = end
    length = max(reached, microseconds(duration or 0.0) or 0)  # a duration that is not finite is none
    if length > reached:
        intervals.append((reached, length, ""))
    lines = [
        'File type = "ooTextFile"\nObject class = "TextGrid"\n',
        f"xmin = 0 \nxmax = {spelled(length)} \ntiers? <exists> \nsize = 1 \nitem []: ",
        '    item [1]:\n        class = "IntervalTier" \n        name = "words" \n        xmin = 0 ',
        f"        xmax = {spelled(length)} \n        intervals: size = {len(intervals)} ",
    ]
    for number, (start, end, label) in enumerate(intervals, start=1):
        lines.append(f"        intervals [{number}]:\n            xmin = {spelled(start)} ")
        lines.append(f"            xmax = {spelled(end)} \n            text = {_quoted(label)} ")
    return "\n".join(lines) + "\n"


def _quoted(label: str) -> str:
    doubled = label.replace('"', '""')
    return f'"{doubled}"'


def _tiers(tokens: Iterator[re.Match]) -> list[Tier]:
    """What the tokens say; ValueError where they say no TextGrid."""
    if not _text(tokens).startswith("ooTextFile") or _text(tokens) != "TextGrid":
        raise ValueError("it does not say so")
    _number(tokens), _number(tokens)  # xmin and xmax
    tiers = []
    for _ in range(int(_number(tokens))):
        of_intervals, name = _text(tokens) == "IntervalTier", _text(tokens)
        _number(tokens), _number(tokens)
        count = int(_number(tokens))
        if of_intervals:
            tiers.append(Tier(name, [(_number(tokens), _number(tokens), _text(tokens)) for _ in range(count)]))
        else:
            for _ in range(count):  # points
                _number(tokens), _text(tokens)
    return tiers


def _next(tokens: Iterator[re.Match], kind: str) -> str:
    for token in tokens:
        if token.lastgroup == kind:
            return token[kind]
        if token.lastgroup is not None:
            raise ValueError(f"there is {token[0][:40]!r} where a {kind} belongs")
    raise ValueError("it is cut short")


def _text(tokens: Iterator[re.Match]) -> str:
    return _next(tokens, "text").replace('""', '"')


def _number(tokens: Iterator[re.Match]) -> float:
    return float(_next(tokens, "number"))


def _words(file: Path) -> list[Word]:
    tiers = read_textgrid(file)
    named = [tier for tier in tiers if re.fullmatch(r"(?:.* - )?words?", tier.name.strip(), re.IGNORECASE | re.DOTALL)]
    chosen = named or (tiers if len(tiers) == 1 else [])
    if not chosen:
        names = ", ".join(repr(tier.name) for tier in tiers) or "none"
        raise SaladError(f"{file} has no tier of words (its interval tiers: {names})", "Name the tier 'words'.")
    intervals = [(start, end, label.strip()) for tier in chosen for start, end, label in tier.intervals]
    words = [Word(label, start, end) for start, end, label in intervals if label]
    return sorted(words, key=lambda word: word.start) if len(chosen) > 1 else words  # speakers take turns
