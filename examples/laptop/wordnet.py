"""Read WordNet 3's nouns, as facts that can be spoken: a term, what it means, and its domain."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# Numbers of the lexicographer's files that hold nouns (lexnames(5WN)).
DOMAINS = {
    **{4: "act", 5: "animal", 6: "artifact", 7: "attribute", 8: "body", 9: "cognition", 10: "communication"},
    **{11: "event", 12: "feeling", 13: "food", 14: "group", 15: "location", 17: "object", 18: "person"},
    **{19: "phenomenon", 20: "plant", 21: "possession", 22: "process", 23: "quantity", 25: "shape", 26: "state"},
    **{27: "substance", 28: "time"},
}
LENGTHS = (4, 14)  # fewest and most words of a meaning
HYPERNYMS = ("@", "@i")
EXAMPLE = re.compile(r'"([^"]+)"')
SENTENCE = re.compile(r"(?:[A-Z]|the )[A-Za-z]*(?:,? ['A-Za-z-]+)+")
PLAIN = re.compile(r"[a-z]+(?:[ '-][a-z]+|, [a-z]+)*")  # what every voice reads alike, and a recognizer writes
COARSE = re.compile("derogatory|disparag|obscen|offensive|prostitut|sexual|slang|vulgar")
PLAIN_TERM = re.compile(r"[a-z]+(?: [a-z]+)*")


class WordNetError(Exception):
    """The database is not there, or is not WordNet's."""


@dataclass(frozen=True)
class Fact:
    """What a noun means, in its first sense.

    Attributes:
        synset: offset of the set of synonyms in data.noun.
        term: the synonym that WordNet's tagged texts have most often.
        meaning: the gloss, without examples.
        count: how often the tagged texts have the term in this sense.
    """

    synset: str
    term: str
    meaning: str
    domain: str
    count: int

    @property
    def words(self) -> list[str]:
        """The words of the meaning, in lower case."""
        return re.findall("[a-z]+", self.meaning)


class WordNet:
    """The nouns of a folder with WordNet's files."""

    def __init__(self, folder: Path):
        try:
            lines = (folder / "data.noun").read_text(encoding="utf-8").splitlines()
            first = (folder / "index.noun").read_text(encoding="utf-8").splitlines()
            counts = (folder / "cntlist.rev").read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise WordNetError(f"{error.filename} cannot be read: {error.strerror}") from None
        # The files begin with a licence, in lines that begin with spaces.
        self._synsets = [line.partition(" | ") for line in lines if not line.startswith(" ")]
        self._counts = {key: int(count) for key, _, count in map(str.split, counts)}
        # lemma, part of speech, number of synsets, number of pointer symbols, those symbols, two numbers, synsets
        entries = [line.split() for line in first if not line.startswith(" ")]
        self._first = {entry[0]: entry[6 + int(entry[3])] for entry in entries}

    @cached_property
    def _parents(self) -> dict[str, list[str]]:
        found = {}
        for head, _, _ in self._synsets:
            fields = head.split()
            pointers = fields[4 + 2 * int(fields[3], 16) + 1 :]
            found[fields[0]] = [pointers[i + 1] for i in range(0, len(pointers), 4) if pointers[i] in HYPERNYMS]
        return found

    def ancestors(self, synset: str) -> set[str]:
        """Return the synsets that are more general, at any distance."""
        found: set[str] = set()
        left = list(self._parents[synset])
        while left:
            synset = left.pop()
            if synset not in found:
                found.add(synset)
                left += self._parents[synset]
        return found

    def facts(self) -> tuple[list[Fact], Counter[str]]:
        """Return the facts that can be spoken, and how many others there are for each reason."""
        kept: list[Fact] = []
        refused: Counter[str] = Counter()
        for head, _, gloss in self._synsets:
            found = self._fact(head.split(), gloss)
            if isinstance(found, Fact):
                kept.append(found)
            else:
                refused[found] += 1
        twice = Counter(fact.meaning for fact in kept)
        refused["another noun has the same meaning"] = sum(twice[fact.meaning] > 1 for fact in kept)
        return [fact for fact in kept if twice[fact.meaning] == 1], refused

    def _fact(self, fields: list[str], gloss: str) -> Fact | str:
        """Return a fact, or the reason why this synset is none."""
        number = int(fields[1])
        if number not in DOMAINS:
            return "no domain of its own"
        terms = [(fields[4 + 2 * i], int(fields[5 + 2 * i], 16)) for i in range(int(fields[3], 16))]
        count, _, term = max((self._count(number, *term), -at, term[0]) for at, term in enumerate(terms))
        # A gloss is definitions, then examples in quotes, all with semicolons between them.
        meaning = gloss.partition('"')[0].partition(";")[0].strip()
        if not PLAIN_TERM.fullmatch(term.replace("_", " ")):
            return "the term has capitals, digits or signs"
        if self._first.get(term) != fields[0]:
            return "not the first sense of the term"
        if "(" in meaning or ")" in meaning:
            return "the meaning has brackets"
        if re.search("[A-Z]", meaning):
            return "the meaning has a name"
        if not PLAIN.fullmatch(meaning):
            return "the meaning has digits or signs"
        if COARSE.search(meaning):
            return "the meaning is coarse"
        if not LENGTHS[0] <= len(meaning.split()) <= LENGTHS[1]:
            return "the meaning has fewer than {} or more than {} words".format(*LENGTHS)
        return Fact(fields[0], term.replace("_", " "), meaning, DOMAINS[number], count)

    def _count(self, number: int, term: str, sense: int) -> int:
        return self._counts.get(f"{term.lower()}%1:{number:02}:{sense:02}::", 0)


def glosses(folder: Path) -> list[str]:
    """Return the glosses of all nouns, verbs and adjectives, with their examples, in the order of the files."""
    files = [(folder / name).read_text(encoding="utf-8") for name in ("data.noun", "data.verb", "data.adj")]
    return [line.partition(" | ")[2] for text in files for line in text.splitlines() if not line.startswith(" ")]


def examples(all_glosses: list[str]) -> list[str]:
    """Return the sentences in which WordNet uses its words, with a capital and a full stop.

    Only what begins with a capital or "the", has five words or more, and can be spoken.
    """
    found = [re.sub(r"[.!?;, ]+$", "", text.strip()) for gloss in all_glosses for text in EXAMPLE.findall(gloss)]
    spoken = [text for text in found if SENTENCE.fullmatch(text) and len(text.split()) > 4]
    return list(dict.fromkeys(f"{text[0].upper()}{text[1:]}." for text in spoken))
