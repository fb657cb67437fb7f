"""Units of a text that are spoken as one, such as "$5 million", and every way in which they may be spoken."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from saladkit.sources.folding import folded
from saladkit.sources.marks import is_mark
from saladkit.speech.normalizing.spoken_form import spoken_words

_POINTS = r"""[.,;:!?"'()\[\]“”‘’«»…–—-]*"""
_INTEGER = re.compile(rf"{_POINTS}([0-9]{{1,3}}(?:,[0-9]{{3}}){{1,4}}|[0-9]{{1,12}}){_POINTS}")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Unit:
    """Labels [begin, end) that share spoken words.

    Attributes:
        written: the words of the labels.
        said: the words of their spoken form.
    """

    begin: int
    end: int
    written: tuple[str, ...]
    said: tuple[str, ...]

    @cached_property
    def plain(self) -> str:
        """The letters of the labels as they are written, without punctuation."""
        return "".join(map(letters_of, self.written))

    @cached_property
    def spoken(self) -> str:
        """The letters of the spoken form; equal to `plain` where no rule applies."""
        return "".join(map(letters_of, self.said))

    @property
    def is_several_words(self) -> bool:
        """Whether a label has several words, or is spoken as other words than it is written."""
        return len(self.written) > self.end - self.begin or self.spoken != self.plain

    @cached_property
    def readings(self) -> tuple[str, ...]:
        """The letters of all ways in which the labels may be spoken."""
        if self.spoken == self.plain:
            return (self.spoken,)
        ways = [_tokens(" ".join(self.said)), *(_ways_of_a_number(self.written[0]) if len(self.written) == 1 else [])]
        return tuple(dict.fromkeys("".join(tokens) for way in ways for tokens in _variants(way)))


def letters_of(word: str) -> str:
    """Return the letters and digits of a word with their combining marks; "" if the word has none, or is a mark."""
    if is_mark(word):
        return ""
    plain = folded(word)
    if plain.isalnum():  # a shortcut for most words
        return plain
    if not any(character.isalnum() for character in plain):
        return ""
    return "".join(c for c in plain if c.isalnum() or unicodedata.category(c)[0] == "M")


def units_of(labels: list[str]) -> list[Unit]:
    """Return the units of labels, which are words or several words, in order; units without any letter are left out.

    The language of neither side is known: the spoken form is the English one, and serves only for comparison.
    """
    words = [(part, place) for place, label in enumerate(labels) for part in label.split()]
    if not words:
        return []
    said, of_words = spoken_words([part for part, _ in words], "en")
    owners = [(words[begin][1], words[end - 1][1] + 1) for begin, end in of_words]
    furthest = list(accumulate((end for _, end in owners), max))
    nearest = list(accumulate((begin for begin, _ in reversed(owners)), min))[::-1]
    first_words = [place for place in range(len(owners)) if place == 0 or furthest[place - 1] <= nearest[place]]
    units = []
    for first, last in zip(first_words, [*first_words[1:], len(owners)], strict=True):
        begin, end = nearest[first], furthest[last - 1]
        written = tuple(part for label in labels[begin:end] for part in label.split())
        units.append(Unit(begin, end, written, tuple(said[first:last])))
    return [unit for unit in units if unit.spoken or unit.plain]


def _tokens(said: str) -> list[str]:
    return [letters for part in re.split(r"[\s-]+", said) if (letters := letters_of(part))]


def _variants(tokens: list[str]) -> list[list[str]]:
    """Return spoken words as they are, and as people vary them."""
    found = [tokens]
    if tokens[:1] == ["one"]:
        found.append(["a", *tokens[1:]])
    if tokens[:2] == ["zero", "point"]:
        found += [tokens[1:], ["nought", *tokens[1:]], ["oh", *tokens[1:]]]
    if {"zero", "oh"} & set(tokens):
        found += [[zero if word in ("zero", "oh") else word for word in tokens] for zero in ("zero", "oh", "o")]
    return found + [[word for word in way if word != "and"] for way in found if "and" in way]


def _ways_of_a_number(word: str) -> list[list[str]]:
    """Return the words of an integer as a number, as a year, in pairs of digits and digit by digit."""
    found = _INTEGER.fullmatch(word)
    if found is None:
        return []
    from num2words import num2words

    digits = found[1].replace(",", "")
    ways = [num2words(int(digits)), " ".join(DIGITS[int(digit)] for digit in digits)]
    if len(digits) in (3, 4):
        ways.append(num2words(int(digits), to="year"))
        head, tail = digits[:-2], digits[-2:]
        low = "hundred" if tail == "00" else f"oh {DIGITS[int(tail)]}" if tail[0] == "0" else num2words(int(tail))
        ways += [f"{num2words(int(head))} {low}", f"{num2words(int(head))} hundred {num2words(int(tail))}"]
    return [_tokens(way) for way in ways]
