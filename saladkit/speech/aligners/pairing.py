"""Words that another tool placed, and the words of a row's text: which is which. Nothing is guessed between them."""

import math
import unicodedata
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from saladkit.errors import SaladError
from saladkit.formats.words import Word

# As tools write what is no word, in any case. A text's own word "sp" has no times then.
SILENCES = {"", "<eps>", "<sil>", "<silence>", "sil", "sp", "<s>", "</s>", "<b>"}
UNKNOWN = {"<unk>", "[unk]", "spn", "<spn>"}  # the tool heard a word here, and does not say which
NO_WORDS = SILENCES | UNKNOWN
OVERLAP = 0.02  # s; a CTM rounds a start, a duration and the next start to 10 ms each
OVERSHOOT = 0.1  # s; aligners count in frames of up to 0.08


@dataclass(frozen=True)
class Pairing:
    """The words of a text's `split()`, those with times that found a placed word; and how many placed ones are left.

    `unknown` of these were no words but marks such as `<unk>`; `not_in_text` were words, without a place in the text.
    """

    words: list[Word]
    not_in_text: int
    unknown: int


def pair_words(text: str, placed: list[Word], duration: float | None = None) -> Pairing:
    """Give the words of `text` the times of `placed`, in order.

    Words are the same that have the same letters and digits after Unicode's NFKC and case folding: punctuation and
    case are not looked at. The longest stretches of the same words are paired first (difflib). Between these, a word
    of the text also takes several placed ones that together have its letters ("New-York"), from the first one's start
    to the last one's end. Every other word of the text has no times. So has a word without a letter or digit.

    Args:
        placed: words as a tool wrote them, silences and unknown ones marked, in s; those without times keep none.
        duration: of the audio, in s, if it is known.

    Raises:
        SaladError: times that are not finite, negative, do not run forward or lie behind the audio's end; or fewer
            than half of the words with a letter or digit find times.
    """
    unknown = sum(word.word.casefold() in UNKNOWN for word in placed)
    ordered = _in_order([word for word in placed if word.word.casefold() not in NO_WORDS], duration)
    theirs = [(spelled, word) for word in ordered if (spelled := _spelled(word.word))]
    words = [Word(word, None, None) for word in text.split()]
    ours = [(spelled, index) for index, word in enumerate(words) if (spelled := _spelled(word.word))]
    used = 0
    for at, begin, end in _matches([spelled for spelled, _ in ours], [spelled for spelled, _ in theirs]):
        index = ours[at][1]
        words[index] = _joined(words[index], [word for _, word in theirs[begin:end]])
        used += end - begin
    timed = sum(word.start is not None for word in words)
    if 2 * timed < len(ours) or not timed:
        raise SaladError(
            f"the times are of another text: {timed} of its {len(ours)} words find one",
            "Give times that were made for these texts.",
        )
    return Pairing(words, len(theirs) - used, unknown)


def _spelled(word: str) -> str:
    """The letters and digits of a word, and the marks on them; "" if there are none."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())
    if folded.isalnum():  # most words, sooner
        return folded
    if not any(character.isalnum() for character in folded):
        return ""
    return "".join(c for c in folded if c.isalnum() or unicodedata.category(c)[0] == "M")


def _in_order(placed: list[Word], duration: float | None) -> list[Word]:
    """The same words; where two overlap by no more than rounding, the first ends where the second begins."""
    ordered: list[Word] = []
    last: tuple[int, float, float] | None = None  # place, start and end of the last word with times
    for word in placed:
        if word.start is not None and word.end is not None:
            if not (math.isfinite(word.start) and math.isfinite(word.end)):
                raise _unusable(f"the time of {word.word!r} is not finite")
            if word.start < 0:
                raise _unusable(f"{word.word!r} starts at {word.start:.3f} s")
            if word.end < word.start:
                raise _unusable(f"{word.word!r} ends at {word.end:.3f} s, before it starts ({word.start:.3f} s)")
            if duration is not None and word.end > duration + OVERSHOOT:
                raise _unusable(f"{word.word!r} ends at {word.end:.3f} s, and the audio at {duration:.3f} s")
            if last is not None:
                place, start, end = last
                before = ordered[place]
                if word.start < start or end - word.start > OVERLAP:
                    raise _unusable(
                        f"{word.word!r} starts at {word.start:.3f} s, before {before.word!r} ends ({end:.3f} s)"
                    )
                if end > word.start:
                    ordered[place] = replace(before, end=word.start)
            last = len(ordered), word.start, word.end
        ordered.append(word)
    return ordered


def _unusable(problem: str) -> SaladError:
    return SaladError(problem, "Check that the times are those of this audio, in seconds.")


def _matches(ours: list[str], theirs: list[str]) -> list[tuple[int, int, int]]:
    """(index of ours, [begin, end) of theirs), in order."""
    if ours == theirs:
        return [(index, index, index + 1) for index in range(len(ours))]
    found = []
    for kind, our_begin, our_end, begin, end in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            found += [(our_begin + step, begin + step, begin + step + 1) for step in range(end - begin)]
        elif kind == "replace":
            for index in range(our_begin, our_end):
                run = _run_of(ours[index], theirs, begin, end)
                if run:
                    found.append((index, *run))
                    begin = run[1]
    return found


def _run_of(word: str, theirs: list[str], begin: int, end: int) -> tuple[int, int] | None:
    """The first run within [begin, end) whose letters are those of `word`."""
    for first in range(begin, end):
        letters = ""
        for last in range(first, end):
            letters += theirs[last]
            if letters == word:
                return first, last + 1
            if not word.startswith(letters):
                break
    return None


def _joined(word: Word, placed: list[Word]) -> Word:
    if any(part.start is None or part.end is None for part in placed):
        return word
    scores = [part.score for part in placed if part.score is not None]
    score = sum(scores) / len(scores) if len(scores) == len(placed) else None
    return Word(word.word, placed[0].start, placed[-1].end, score)
