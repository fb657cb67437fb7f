"""Pair the words of a text with the timed words of another tool. Times are never guessed."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.marks import is_silence, is_unknown
from saladkit.speech.aligners.given_cuts import words_cut_by
from saladkit.speech.aligners.readings import Unit, letters_of, units_of
from saladkit.speech.aligners.usable_times import Unusable, usable_times

Match = tuple[int, int, int, int]  # the units [a, b) of the text are the units [c, d) of the tool; also a gap between


@dataclass(frozen=True)
class Pairing:
    """The words of a text with the times that could be paired.

    Attributes:
        words: those of the text; a word that found no pair has no times.
        not_in_text: how many words of the tool have no pair in the text.
        unknown: how many marks such as `<unk>` the tool wrote.
        unusable: the tool's words whose times cannot be used.
    """

    words: list[Word]
    not_in_text: int
    unknown: int
    unusable: list[Unusable]


def pair_words(text: str, placed: list[Word], duration: float | None = None) -> Pairing:
    """Give the words of `text` the times of `placed`, in order.

    A script without spaces is cut into words where `placed` cuts it.

    Words are equal if their letters and digits are equal after Unicode's NFKC and case folding; punctuation and case do
    not count. The longest runs of equal words are paired first (difflib). Between these, a word of the text is also
    paired with several words of the tool that together have its letters ("New-York") or those of one of its spoken
    forms ("1984", "nineteen eighty four"), from the start of the first to the end of the last. A word of the tool that
    is several words of the text ("New York" in one interval, "1984") gives its times to the first of them; the others
    have none, since nobody knows where one ends and the next begins. Other words, and words without a letter or digit,
    have no times.

    Args:
        placed: the tool's words with times in s, with its marks for silences and unknown words. A word may have no
            times.
        duration: of the audio, in s, if it is known.

    Raises:
        SaladError: the times count from elsewhere, or too many cannot be used (`usable_times`); fewer than half of the
            words with a letter or digit find times; or the times are those of phrases.
    """
    unknown = sum(is_unknown(word.word) for word in placed)
    named = [word for word in placed if not is_unknown(word.word) and not is_silence(word.word)]
    ordered, unusable = usable_times(named, duration)
    theirs = [word for word in ordered if letters_of(word.word)]
    words = [Word(word, None, None) for word in words_cut_by(text, [word.word for word in theirs])]
    used = found = 0
    for places, parts in _paired([word.word for word in words], [word.word for word in theirs]):
        joined = _joined(words[places[0]], [theirs[part] for part in parts])
        words[places[0]] = joined
        used += len(parts)
        if joined.start is not None:
            found += sum(bool(letters_of(words[place].word)) for place in places)
    _check_enough(words, theirs, found)
    return Pairing(words, len(theirs) - used, unknown, unusable)


def _check_enough(words: list[Word], theirs: list[Word], found: int) -> None:
    """Check that half of the words with letters are found among the tool's, and that phrases do not prevail there."""
    count = sum(bool(letters_of(word.word)) for word in words)
    timed = sum(word.start is not None for word in words)
    if 2 * found < count or not timed:
        raise SaladError(
            f"the times are of another text: {found} of its {count} words find one",
            "Give the word times of these texts, or remove the row.",
        )
    phrases = sum(len(word.word.split()) > 1 for word in theirs)
    if 2 * timed < count and 2 * phrases > len(theirs):
        raise SaladError(
            f"the times are of phrases, not of words: {timed} of its {count} words have times of their own",
            "Give the tier or file that has each word alone.",
        )


def _paired(ours: list[str], theirs: list[str]) -> list[tuple[list[int], list[int]]]:
    """Return the places of words of the text, and those of words of the tool that are the same, in order."""
    lettered = [place for place, word in enumerate(ours) if letters_of(word)]
    if [letters_of(ours[place]) for place in lettered] == list(map(letters_of, theirs)):
        if not any(len(label.split()) > 1 for label in theirs):
            return [([place], [part]) for part, place in enumerate(lettered)]
    our_units, their_units = units_of(ours), units_of(theirs)
    pairs = []
    for a, b, c, d in _matches(our_units, their_units):
        places = list(range(our_units[a].begin, our_units[b - 1].end))
        parts = list(range(their_units[c].begin, their_units[d - 1].end))
        lettered = [place for place in places if letters_of(ours[place])]
        if [letters_of(ours[place]) for place in lettered] == [letters_of(theirs[part]) for part in parts]:
            pairs += [([place], [part]) for place, part in zip(lettered, parts, strict=True)]
        else:
            pairs.append((places, parts))
    return pairs


def _matches(ours: list[Unit], theirs: list[Unit]) -> list[Match]:
    """Return what belongs together, in order: first what is spoken alike, then what is written alike."""
    steps: list[Callable[[list[Unit], list[Unit], Match], list[Match]]] = [
        partial(_equal, letters=_spoken),
        partial(_runs, of=_readings, letters=_spoken),
        _reversed_runs,
        partial(_equal, letters=_plain),
        partial(_runs, of=_plain_alone, letters=_plain),
    ]
    found: list[Match] = []
    gaps: list[Match] = [(0, len(ours), 0, len(theirs))]
    for step in steps:
        remaining = []
        for gap in gaps:
            matches = step(ours, theirs, gap)
            found += matches
            remaining += _between(gap, matches)
        gaps = remaining
    return sorted(found)


def _between(gap: Match, matches: list[Match]) -> list[Match]:
    """Return the gaps that matches leave in a gap, where both sides have units."""
    a, end, c, their_end = gap
    found = []
    for begin, after, their_begin, their_after in [*matches, (end, end, their_end, their_end)]:
        if a < begin and c < their_begin:
            found.append((a, begin, c, their_begin))
        a, c = after, their_after
    return found


def _spoken(unit: Unit) -> str:
    return unit.spoken


def _plain(unit: Unit) -> str:
    return unit.plain


def _readings(unit: Unit) -> tuple[str, ...]:
    return unit.readings


def _plain_alone(unit: Unit) -> tuple[str, ...]:
    return (unit.plain,) if unit.plain else ()


def _equal(ours: list[Unit], theirs: list[Unit], gap: Match, letters: Callable[[Unit], str]) -> list[Match]:
    a, b, c, d = gap
    first, second = [list(map(letters, side)) for side in (ours[a:b], theirs[c:d])]
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    steps = [(a + block.a + step, c + block.b + step) for block in blocks for step in range(block.size)]
    return [(at, at + 1, to, to + 1) for at, to in steps if letters(ours[at])]


def _runs(
    ours: list[Unit],
    theirs: list[Unit],
    gap: Match,
    of: Callable[[Unit], tuple[str, ...]],
    letters: Callable[[Unit], str],
) -> list[Match]:
    """Return units of ours, each with the first run of theirs that together has one of its readings."""
    a, b, c, d = gap
    spelled = list(map(letters, theirs[:d]))
    found = []
    for at in range(a, b):
        runs = (_run_of(reading, spelled, c) for reading in of(ours[at]))
        if run := min((run for run in runs if run), key=lambda run: (run[0], -run[1]), default=None):
            found.append((at, at + 1, *run))
            c = run[1]
    return found


def _reversed_runs(ours: list[Unit], theirs: list[Unit], gap: Match) -> list[Match]:
    """Return units of theirs that are several words, written as one or in one interval, each with its run of ours."""
    a, b, c, d = gap

    def several(unit: Unit) -> tuple[str, ...]:
        return unit.readings if unit.is_several_words else ()

    found = _runs(theirs, ours, (c, d, a, b), several, _spoken)
    return [(begin, end, their_begin, their_end) for their_begin, their_end, begin, end in found]


def _run_of(reading: str, letters: list[str], begin: int) -> tuple[int, int] | None:
    """Return the first run in letters[begin:] that together is `reading`; an "and" within it may be left out."""
    for first in range(begin, len(letters)):
        joined = ""
        for last in range(first, len(letters)):
            if reading.startswith(joined + letters[last]):
                joined += letters[last]
            elif not joined or letters[last] != "and":
                break
            if joined == reading:
                return first, last + 1
    return None


def _joined(word: Word, placed: list[Word]) -> Word:
    if any(part.start is None or part.end is None for part in placed):
        return word
    scores = [part.score for part in placed if part.score is not None]
    score = sum(scores) / len(scores) if len(scores) == len(placed) else None
    return Word(word.word, placed[0].start, placed[-1].end, score)
