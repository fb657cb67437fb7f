"""Write the laptop's questions: which of four nouns has a meaning."""

import random
import re
from collections import Counter
from collections.abc import Iterator

from wordnet import Fact, WordNet, WordNetError

CHOICES = 4
QUESTION = "What do we call {meaning}? We call it"  # never spoken elsewhere: see STATEMENTS in build_texts.py
LETTERS = 4  # a word that begins with as many letters of the noun gives it away


def askable(domain: str, facts: list[Fact], uses: Counter[str]) -> Iterator[Fact]:
    """Yield the facts of a domain that can be asked, those of the most frequent nouns first.

    Their nouns are single words that the meaning does not give away, and no other fact's meaning contains theirs: it
    would tell what shall be told nowhere.

    Args:
        facts: those of all domains.
        uses: how many of WordNet's glosses and examples use each word. WordNet's own counts, of tagged texts, know few
            foods and hardly a plant.
    """
    everything = "|".join(f" {' '.join(fact.words)} " for fact in facts)
    own = [fact for fact in facts if fact.domain == domain and re.fullmatch("[a-z]{3,}", fact.term)]
    for fact in sorted(own, key=lambda fact: (-fact.count - uses[fact.term], fact.synset)):
        if not _given_away(fact) and everything.count(f" {' '.join(fact.words)} ") == 1:
            yield fact


def _given_away(fact: Fact) -> bool:
    words = [word for word in fact.words if len(word) > 2]
    return any(word.startswith(fact.term[:LETTERS]) or fact.term.startswith(word) for word in words)


def ask(facts: list[Fact], wordnet: WordNet, rng: random.Random) -> list[tuple[Fact, dict]]:
    """Return a question about each fact, in random order, with the fact.

    The wrong choices are other nouns, each about as often wrong as any other, so that guessing the commonest noun is no
    better than guessing another. Their lengths are as near as that allows to the right one's, so that accuracy depends
    little on whether likelihoods are divided by lengths. No wrong choice is more general than the right one, since that
    would be true as well, nor more special, nor a word of the meaning.

    Raises:
        WordNetError: a fact has too few wrong choices.
    """
    above = {fact: wordnet.ancestors(fact.synset) for fact in facts}
    used: Counter[str] = Counter()
    rows = []
    for fact in rng.sample(facts, len(facts)):
        others = [
            other.term
            for other in rng.sample(facts, len(facts))
            if other.synset not in above[fact] and fact.synset not in above[other] and other.term not in fact.words
            if other is not fact
        ]
        others.sort(key=lambda term: 2 * used[term] + abs(len(term) - len(fact.term)))
        wrong = others[: CHOICES - 1]
        if len(wrong) < CHOICES - 1:
            raise WordNetError(f"{fact.term} has only {len(wrong)} wrong choices among {len(facts)} nouns")
        used.update(wrong)
        choices = rng.sample([fact.term, *wrong], CHOICES)
        row = {"text": QUESTION.format(meaning=fact.meaning), "choices": choices, "answer": choices.index(fact.term)}
        rows.append((fact, row | {"entity": fact.term}))
    return rows
