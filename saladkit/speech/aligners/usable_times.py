"""Check the times of another tool: those of a single word may be wrong, a clock that is wrong may not."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from saladkit.errors import SaladError
from saladkit.formats.words import Word

OVERLAP = 0.02  # s; CTM files round starts and durations to 10 ms
OVERSHOOT = 0.1  # s; aligners count in frames of up to 0.08 s


@dataclass(frozen=True)
class Unusable:
    """A word of another tool whose times are not used, and why."""

    word: str
    reason: str


def usable_times(placed: list[Word], duration: float | None) -> tuple[list[Word], list[Unusable]]:
    """Return the words with the times that can be used, and what is wrong with the others.

    A word loses its times if they are not finite, if it ends before it starts, or if it overlaps others by more than
    rounding: of overlapping words, the longest possible series without overlaps keeps its times. An overlap by rounding
    ends the earlier word.

    Raises:
        SaladError: a word starts before the audio or ends after it, so the times count from elsewhere; or at least half
            of the times cannot be used.
    """
    timed = [place for place, word in enumerate(placed) if word.start is not None and word.end is not None]
    wrong: dict[int, str] = {}
    for place in timed:
        if reason := _wrong_alone(placed[place], duration):
            wrong[place] = reason
    sound = [place for place in timed if place not in wrong]
    kept = _longest_series([_span(placed[place]) for place in sound])
    series = [sound[index] for index in kept]
    for place in sorted(set(sound) - set(series)):
        wrong[place] = _overlap(placed, place, series)
    if wrong and 2 * len(wrong) >= len(timed):
        raise _unusable(wrong[min(wrong)])
    words = [replace(word, start=None, end=None, score=None) if at in wrong else word for at, word in enumerate(placed)]
    for before, after in zip(series, series[1:], strict=False):
        start, (_, end) = _span(words[after])[0], _span(words[before])
        if end > start:
            words[before] = replace(words[before], end=start)
    return words, [Unusable(placed[place].word, wrong[place]) for place in sorted(wrong)]


def _span(word: Word) -> tuple[float, float]:
    if word.start is None or word.end is None:
        raise ValueError(f"the word {word.word!r} has no times")
    return word.start, word.end


def _wrong_alone(word: Word, duration: float | None) -> str | None:
    """Return what is wrong with the times of one word; SaladError if no other word's can then be right."""
    start, end = _span(word)
    if not (math.isfinite(start) and math.isfinite(end)):
        return f"the time of {word.word!r} is not finite"
    if start < 0:
        raise _unusable(f"{word.word!r} starts at {start:.3f} s")
    if duration is not None and max(start, end) > duration + OVERSHOOT:
        raise _unusable(f"{word.word!r} ends at {max(start, end):.3f} s, and the audio at {duration:.3f} s")
    return f"{word.word!r} ends at {end:.3f} s, before it starts ({start:.3f} s)" if end < start else None


def _longest_series(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the longest series in which each span begins no earlier than the one before ends.

    Spans may overlap by `OVERLAP`, but not begin earlier. Of two series of equal length, the one that ends first wins,
    and then the one that was there first. This is the search for a longest increasing subsequence.
    """
    ready: list[float] = []  # ready[n]: the earliest time after which a series of n + 1 spans goes on
    last: list[int] = []  # last[n]: the last span of that series
    before: list[int | None] = []
    for place, (start, end) in enumerate(spans):
        length, next_start = bisect_right(ready, start), max(start, end - OVERLAP)
        before.append(last[length - 1] if length else None)
        if length == len(ready):
            ready.append(next_start)
            last.append(place)
        elif next_start < ready[length]:
            ready[length], last[length] = next_start, place
    found: list[int] = []
    at = last[-1] if last else None
    while at is not None:
        found.append(at)
        at = before[at]
    return found[::-1]


def _overlap(placed: list[Word], place: int, series: list[int]) -> str:
    """Return with which word of the series a word overlaps, or from which it is out of order."""
    for other in series:
        first, second = placed[min(place, other)], placed[max(place, other)]
        (begun, end), (start, _) = _span(first), _span(second)
        if start < max(begun, end - OVERLAP):
            return f"{second.word!r} starts at {start:.3f} s, before {first.word!r} ends ({end:.3f} s)"
    return "it is out of order"  # a series that could have taken the word is not the longest


def _unusable(problem: str) -> SaladError:
    return SaladError(problem, "Check that the times belong to this audio and are in seconds.")
