"""Find texts that hold the fact that a question asks: its right answer, in one sentence with what the question names.

A sentence holds the fact of a question if it has

- the right answer, as consecutive words,
- the question's distinctive words: those that the fewest other questions have, such as the entity that is asked about,
- and at least two thirds of the question's content words.

Content words stand in at most 2 % of the sentences of a sample of the texts. The rule misses facts that are told in
other words, or in several sentences: a count of found facts is a lower bound.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import regex

from saladkit.contamination.questions import Question
from saladkit.sources.words import words_of

COMMON = 0.02  # share of the sentences; words of more are no content words
FEWEST = 2  # sentences in a sample below which no word counts as common
COVERED = 2 / 3  # of a question's content words
LONGEST = 40  # words; longer sentences, such as transcripts without marks, are read in pieces that overlap by half
_END = regex.compile(r"(?<=[.!?…])\s+|(?<=[。！？।])|\n+")


@dataclass(frozen=True)
class _Fact:
    """What a sentence must have to hold the fact of a question."""

    id: str
    answer: tuple[str, ...]
    content: frozenset[str]
    distinctive: frozenset[str]

    def is_in(self, words: Sequence[str], known: set[str]) -> bool:
        """Return whether a sentence with these words, in order and as a set, holds the fact."""
        if not self.distinctive <= known or len(self.content & known) < ceil(COVERED * len(self.content)):
            return False
        length = len(self.answer)
        return any(tuple(words[at : at + length]) == self.answer for at in range(len(words) - length + 1))


class AnswerFacts:
    """Find the facts of questions in texts.

    Attributes:
        not_judged: ids of the questions without a right answer, or without a content word in question or answer.
    """

    def __init__(self, questions: Sequence[Question], sample: Iterable[str]):
        """Index the questions; `sample` are texts that tell which words are common."""
        asked = {question.id: frozenset(words_of(question.text)) for question in questions}
        answers = {question.id: tuple(words_of(question.answer or "")) for question in questions}
        common = _common_words(sample, frozenset().union(*asked.values(), *map(frozenset, answers.values())))
        times = Counter(word for words in asked.values() for word in words)
        self._by_word: dict[str, list[_Fact]] = {}
        self.not_judged: set[str] = set()
        for id_, words in asked.items():
            content = words - common - set(answers[id_])
            if not content or not set(answers[id_]) - common:
                self.not_judged.add(id_)
                continue
            rarest = min(times[word] for word in content)
            distinctive = frozenset(word for word in content if times[word] <= 2 * rarest)
            fact = _Fact(id_, answers[id_], content, distinctive)
            self._by_word.setdefault(min(distinctive, key=lambda word: (times[word], word)), []).append(fact)

    def find(self, text: str) -> str | None:
        """Return the id of a question whose fact the text holds, or None."""
        for words in sentences_of(text):
            known = set(words)
            for word in sorted(known & self._by_word.keys()):
                for fact in self._by_word[word]:
                    if fact.is_in(words, known):
                        return fact.id
        return None


def sentences_of(text: str) -> Iterator[list[str]]:
    """Yield the words of each sentence, in pieces of at most `LONGEST` words that overlap by half."""
    for sentence in _END.split(text):
        words = words_of(sentence)
        for begin in range(0, max(len(words) - LONGEST // 2, 1), LONGEST // 2):
            yield words[begin : begin + LONGEST]


def _common_words(sample: Iterable[str], wanted: frozenset[str]) -> set[str]:
    """Return the wanted words that stand in more than `COMMON` of the sentences of the sample."""
    times: Counter[str] = Counter()
    total = 0
    for text in sample:
        for words in sentences_of(text):
            total += 1
            times.update(wanted.intersection(words))
    return {word for word, count in times.items() if count > max(FEWEST, COMMON * total)}
