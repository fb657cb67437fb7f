"""A text as it is spoken, and which words of the text each spoken word stands for."""

import math
from dataclasses import dataclass
from itertools import accumulate

from saladkit.formats.words import Word
from saladkit.speech.normalizing.english import english_words

RULES = 2  # counts up when a text is spoken otherwise than before


@dataclass(frozen=True)
class SpokenForm:
    """The spoken words of a text.

    `words`: what is said, without spaces inside; punctuation stays attached where the text has it.
    `owners`: for each of them the source words [begin, end), places in `text.split()`, that it stands for. They need
    not run forward: in "$5 million", spoken "five million dollars", the last word belongs to the first.
    """

    words: list[str]
    owners: list[tuple[int, int]]

    @property
    def text(self) -> str:
        """The spoken words with spaces between them."""
        return " ".join(self.words)

    def source_words(self, text: str, spoken: list[Word]) -> list[Word]:
        """The words of `text` (its `split()`) with their times, from those of the spoken words.

        `text` is what this form was made of, and `spoken` has one `Word` for each of `words`. A source word starts
        with the first spoken word that stands for it, and ends with the last; if the first has no start or the last no
        end, it has no times. Its score is the geometric mean of those that its spoken words have, None if none has.

        Source words that no moment parts, since they share a spoken word or theirs are spoken in another order, count
        as one: the first has the times of all of them, the others none, like words that a voice speaks as one. So
        times that run forward in `spoken` do so here: "$5" has those of "five million dollars", "million" has none.

        Raises:
            ValueError: `spoken` or `text` has another number of words than this form: a mistake of the caller.
        """
        sources = text.split()
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
        """The spoken words in runs that share no source word with another run, each with its first source word."""
        furthest = list(accumulate((end for _, end in self.owners), max))
        nearest = list(accumulate((begin for begin, _ in reversed(self.owners)), min))[::-1]
        groups: list[tuple[int, list[Word]]] = []
        for place, word in enumerate(spoken):
            if place == 0 or furthest[place - 1] <= nearest[place]:
                groups.append((nearest[place], []))
            groups[-1][1].append(word)
        return groups


def spoken_form(text: str, language: str | None) -> SpokenForm:
    """How `text` is spoken in `language`, a code such as "en-us".

    Numbers, dates, units and abbreviations of English are written out. A text of another language, or of none that is
    known (None), is taken as it stands, and so is whatever no rule is sure of.
    """
    if language is not None and language.lower().startswith("en"):
        return SpokenForm(*english_words(text))
    words = text.split()
    return SpokenForm(words, [(index, index + 1) for index in range(len(words))])


def _geometric_mean(scores: list[float]) -> float:
    return math.exp(sum(map(math.log, scores)) / len(scores)) if min(scores) > 0 else 0.0
