"""Pair the words of a text with the timed words of another tool. Times are never guessed."""

import math
import unicodedata
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from saladkit.errors import SaladError
from saladkit.formats.words import Word

# What tools write for silence, in lower or upper case. For this reason the word "sp" of a text never has times.
SILENCES = {"", "<eps>", "<sil>", "<silence>", "sil", "sp", "<s>", "</s>", "<b>"}
UNKNOWN = {"<unk>", "[unk]", "spn", "<spn>"}  # marks of a spoken word that the tool does not know
NO_WORDS = SILENCES | UNKNOWN
OVERLAP = 0.02  # s; CTM files round starts and durations to 10 ms
OVERSHOOT = 0.1  # s; aligners count in frames of up to 0.08 s


@dataclass(frozen=True)
class Pairing:
    """The words of a text with the times that could be paired.

    Attributes:
        words: the text's `split()`; a word that found no pair has no times.
        not_in_text: how many words of the tool have no pair in the text.
        unknown: how many marks such as `<unk>` the tool wrote.
    """

    words: list[Word]
    not_in_text: int
    unknown: int


def pair_words(text: str, placed: list[Word], duration: float | None = None) -> Pairing:
    """Give the words of `text` the times of `placed`, in order.

    Words are equal if their letters and digits are equal after Unicode's NFKC and case folding; punctuation and case do
    not count. The longest runs of equal words are paired first (difflib). Between these, a word of the text is also
    paired with several words of the tool that together have its letters ("New-York"), from the start of the first to
    the end of the last. Other words, and words without a letter or digit, have no times.

    Args:
        placed: the tool's words with times in s, with its marks for silences and unknown words. A word may have no
            times.
        duration: of the audio, in s, if it is known.

    Raises:
        SaladError: times are not finite, negative, not in order or after the end of the audio; or fewer than half of
            the words with a letter or digit find times.
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
            "Give the word times of these texts, or remove the row.",
        )
    return Pairing(words, len(theirs) - used, unknown)


def _spelled(word: str) -> str:
    """Return the letters and digits of a word with their combining marks; "" if the word has none."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())
    if folded.isalnum():  # a shortcut for most words
        return folded
    if not any(character.isalnum() for character in folded):
        return ""
    return "".join(c for c in folded if c.isalnum() or unicodedata.category(c)[0] == "M")


def _in_order(placed: list[Word], duration: float | None) -> list[Word]:
    """Check the order of timed words, and end a word where the next begins if both overlap by rounding."""
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
    return SaladError(problem, "Check that the times belong to this audio and are in seconds.")


def _matches(ours: list[str], theirs: list[str]) -> list[tuple[int, int, int]]:
    """Return (index in ours, begin, end) in order: the word ours[index] is paired with theirs[begin:end]."""
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
    """Return the first run of words in theirs[begin:end] whose letters together are those of `word`."""
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
