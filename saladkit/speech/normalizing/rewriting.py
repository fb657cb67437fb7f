"""Apply rules that rewrite parts of a text, and keep track of the source words.

The loop goes from word to word. At each run of letters and digits and at each sign, it applies the first rule that
matches and whose `say` returns phrases. The time is linear in the text's length, because patterns are bounded or
possessive, and a word with a number that no rule reads is kept as a whole.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

DIGITS = "0123456789"
DIGIT, CODE = "0", "A1"  # starts of rules: text that begins with a digit; letters followed by digits

_RUN = re.compile(r"[^\W_]+|[^\w\s]")


@dataclass(frozen=True)
class Said:
    """Words, separated by single spaces, that are spoken for the characters [begin, end) of a text.

    Characters directly before and after that range stay attached to the words, unless the words have a space at that
    end.
    """

    words: str
    begin: int
    end: int


def said(match: re.Match, *phrases: tuple[str, str | int]) -> list[Said]:
    """Return each phrase with the group of `match` that it is spoken for; empty phrases are left out."""
    return [Said(words, *match.span(group)) for words, group in phrases if words]


@dataclass(frozen=True)
class Rule:
    """A rule for text that starts with one of `starts` (letters, a sign, DIGIT or CODE).

    `say` returns the phrases to speak; None if the rule does not apply to this match.
    """

    starts: tuple[str, ...]
    pattern: re.Pattern
    say: Callable[[re.Match], list[Said] | None]


def rules_by_start(rules: list[Rule]) -> dict[str, list[Rule]]:
    """Return the rules for each start, in the order given."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        for start in rule.starts:
            found.setdefault(start, []).append(rule)
    return found


def previous_word(match: re.Match) -> str:
    """Return the word before the match and its space, at most its last 24 characters; "" if there is none."""
    before = match.string[max(0, match.start() - 25) : match.start()]
    return before.split()[-1] if before.endswith(" ") and before.strip() else ""


def rewrite(text: str, rules: dict[str, list[Rule]]) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the words of `text` after `rules` and, for each, the source words [begin, end) that it stands for."""
    sources = text.split()
    text = " ".join(sources)  # patterns rely on single spaces
    writer = _Writer(sources)
    position = 0  # the first character that is not written yet
    for begin, source in zip(writer.starts, sources, strict=True):
        end = begin + len(source)
        if position >= end:
            continue
        if position <= begin:
            position = begin
            writer.part()
        if not (source.isalpha() and source not in rules) and not _is_address(source):
            position = _rewrite_word(text, position, end, rules, writer)
        if position < end:
            writer.write(text[position:end], position, end)
            position = end
    writer.part()
    return writer.words, writer.owners


def _rewrite_word(text: str, position: int, end: int, rules: dict[str, list[Rule]], writer: "_Writer") -> int:
    """Apply rules to text[position:end]; return where the rest, which no rule rewrites, begins."""
    cursor = position
    while cursor < end and (found := _RUN.search(text, cursor, end)):
        run, has_digit = found[0], any(character in DIGITS for character in found[0])
        start = DIGIT if run[0] in DIGITS else CODE if has_digit else run
        for rule in rules.get(start, ()):
            match = rule.pattern.match(text, found.start())
            phrases = match and rule.say(match)
            if match and phrases:
                writer.write(text[position : found.start()], position, found.start())
                writer.say(phrases)
                position = cursor = match.end()
                break
        else:
            # a rule that does not read this number must not read a part of it
            cursor = end if has_digit else found.end()
    return position


def _is_address(word: str) -> bool:
    """Return whether a word is a link or a mail address."""
    name, at, host = word.partition("@")
    return "://" in word or word.startswith("www.") or bool(at and name and "." in host.strip(".,;:!?"))


class _Writer:
    """Collect spoken words and their owners; pieces are joined to one word until `part` is called."""

    def __init__(self, sources: list[str]):
        self.words: list[str] = []
        self.owners: list[tuple[int, int]] = []
        self.starts: list[int] = []  # the first character of each source word
        position = 0
        for source in sources:
            self.starts.append(position)
            position += len(source) + 1
        self._pieces: list[str] = []
        self._owner = (0, 0)

    def write(self, piece: str, begin: int, end: int) -> None:
        """Add a piece to the current word; it stands for the characters [begin, end)."""
        if not piece:
            return
        # a space at the beginning or the end does not count
        owner = (bisect_right(self.starts, begin + 1) - 1, bisect_right(self.starts, end - 1))
        if self._pieces:
            owner = (min(owner[0], self._owner[0]), max(owner[1], self._owner[1]))
        self._owner = owner
        self._pieces.append(piece)

    def say(self, phrases: list[Said]) -> None:
        for index, phrase in enumerate(phrases):
            for place, word in enumerate(phrase.words.split(" ")):
                if place or index:
                    self.part()
                self.write(word, phrase.begin, phrase.end)

    def part(self) -> None:
        """End the current word, if it has pieces."""
        if self._pieces:
            self.words.append("".join(self._pieces))
            self.owners.append(self._owner)
            self._pieces = []
