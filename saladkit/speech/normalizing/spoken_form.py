"""Convert a text to its spoken form, and map each spoken word back to words of the text."""

import math
from dataclasses import dataclass
from itertools import accumulate

from saladkit.formats.unspaced import has_unspaced
from saladkit.formats.words import Word, words_of_text
from saladkit.speech.normalizing.characters import language_code, plain_word
from saladkit.speech.normalizing.english import english_words

RULES = 5  # a version: raise it when the spoken form of any text changes


@dataclass(frozen=True)
class SpokenForm:
    """The spoken words of a text.

    Attributes:
        words: the spoken words, without spaces; punctuation stays attached as in the text.
        owners: for each spoken word the source words [begin, end), places in `words_of_text`, that it stands for. They
            may be out of order: "$5 million" is spoken "five million dollars", whose last word belongs to "$5".
        joined: places of words without a space before them, in scripts without spaces.
    """

    words: list[str]
    owners: list[tuple[int, int]]
    joined: frozenset[int] = frozenset()

    @property
    def text(self) -> str:
        """The spoken words with the spaces between them."""
        return self.part(0, len(self.words))

    def part(self, begin: int, end: int) -> str:
        """Return spoken words [begin, end) with the spaces between them."""
        if not self.joined:
            return " ".join(self.words[begin:end])
        spaced = ("" if place in self.joined or place == begin else " " for place in range(begin, end))
        return "".join(space + word for space, word in zip(spaced, self.words[begin:end], strict=True))

    def source_words(self, text: str, spoken: list[Word]) -> list[Word]:
        """Return the words of `text` with their times, taken from the spoken words.

        A source word starts with the first spoken word that stands for it and ends with the last. It has no times if
        the first has no start or the last has no end. Its score is the geometric mean of the scores of its spoken
        words; None if they have no scores.

        Source words form a group if they share a spoken word or are spoken in another order. The first word of a group
        has the times of the whole group, the others have none: "$5" has the times of "five million dollars", and
        "million" has no times. So times in order in `spoken` are in order here.

        Args:
            text: the text that this form was made from.
            spoken: one `Word` for each of `words`.

        Raises:
            ValueError: `spoken` or `text` has another number of words than this form: a mistake of the caller.
        """
        sources = words_of_text(text)
        if len(sources) != max((end for _, end in self.owners), default=0):
            raise ValueError("this is the spoken form of another text")
        if len(spoken) != len(self.words):
            raise ValueError(f"{len(spoken)} times for {len(self.words)} spoken words")
        words = [Word(word, None, None) for word in sources]
        for owner, group in self._groups(spoken):
            scores = [word.score for word in group if word.score is not None]
            score = _geometric_mean(scores) if scores else None
            start, end = group[0].start, group[-1].end
            if start is not None and end is not None:
                words[owner] = Word(sources[owner], start, end, score)
        return words

    def _groups(self, spoken: list[Word]) -> list[tuple[int, list[Word]]]:
        """Return runs of spoken words that share no source word with other runs, each with its first source word."""
        furthest = list(accumulate((end for _, end in self.owners), max))
        nearest = list(accumulate((begin for begin, _ in reversed(self.owners)), min))[::-1]
        groups: list[tuple[int, list[Word]]] = []
        for place, word in enumerate(spoken):
            if place == 0 or furthest[place - 1] <= nearest[place]:
                groups.append((nearest[place], []))
            groups[-1][1].append(word)
        return groups


def spoken_form(text: str, language: str | None) -> SpokenForm:
    """Return the spoken form of `text` in `language`, a code such as "en-us".

    Characters are written plainly in every language (see `characters`). In English, numbers, dates, units and
    abbreviations are written in full; parts that no rule reads with certainty stay as they are. In other languages, and
    if `language` is None, the words stay as they are.
    """
    sources = text.split()
    spoken, owners = spoken_words(sources, language)
    return _cut_as_words(SpokenForm(spoken, owners), sources) if has_unspaced(text) else SpokenForm(spoken, owners)


def spoken_words(sources: list[str], language: str | None) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the spoken words of words between spaces, and for each the source words [begin, end) it stands for."""
    words, owners = _plain_words(sources, language)
    if language_code(language) != "en":
        return words, owners
    spoken, of_plain = english_words(" ".join(words))
    return spoken, [(owners[begin][0], owners[end - 1][1]) for begin, end in of_plain]


def _cut_as_words(form: SpokenForm, sources: list[str]) -> SpokenForm:
    """Cut the words of a form, which stand between spaces as `sources` do, into words of scripts without spaces.

    Where a source is spoken as it is written, each of its words stands for itself, and else for all of the source.
    """
    begins = list(accumulate((len(words_of_text(source)) for source in sources), initial=0))
    words: list[str] = []
    owners: list[tuple[int, int]] = []
    joined: set[int] = set()
    for spoken, (first, end) in zip(form.words, form.owners, strict=True):
        parts, begin = words_of_text(spoken), begins[first]
        alone = end == first + 1 and spoken == sources[first]
        owners += [(begin + n, begin + n + 1) if alone else (begin, begins[end]) for n in range(len(parts))]
        joined.update(range(len(words) + 1, len(words) + len(parts)))
        words += parts
    return SpokenForm(words, owners, frozenset(joined))


def _plain_words(sources: list[str], language: str | None) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the words in plain characters with their source words.

    A source word of invisible characters alone belongs to the word before it, or else to the first word.
    """
    words: list[str] = []
    owners: list[tuple[int, int]] = []
    for place, source in enumerate(sources):
        plain = plain_word(source, language).split()
        if not plain and owners:
            owners[-1] = (owners[-1][0], place + 1)
        elif plain:
            begin = place if owners else 0
            owners += [(begin, place + 1)] * len(plain)
            words += plain
    if not words:
        return sources, [(place, place + 1) for place in range(len(sources))]
    return words, owners


def _geometric_mean(scores: list[float]) -> float:
    return math.exp(sum(map(math.log, scores)) / len(scores)) if min(scores) > 0 else 0.0
