"""Check that the subjects of the desk's world keep the rules of README.md.

The rules make the questions fair: guessing a common value gains nothing, the words of a question are spoken, a pair
that sounds alike has different values, and the words of the cell far-easy are spoken about other subjects.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from world import ASKED, CELLS, NATURAL, PAIRED, Relation, Subject, WorldError, sentence

NAME = re.compile(r"[A-Za-z]+( [A-Za-z]+){0,2}")
SENTENCE_WORDS = range(6, 15)
MIN_ENTITIES = 24
MIN_STATEMENTS = 4
MIN_VALUES = 6
MAX_VALUE_SHARE = 0.30
OPENING_WORDS = 4  # no statement begins with this many words of the question
CHOICES = 4


def check_world(subjects: list[Subject]) -> None:
    """Check each subject alone, and all against each other.

    Raises:
        WorldError: names the first rule that is broken, and where.
    """
    for subject in subjects:
        problem = next(_problems(subject), None)
        if problem is not None:
            raise WorldError(f"{subject.name}: {problem}")
    problem = next(_name_problems(subjects), None) or next(_unspoken_words(subjects), None)
    if problem is not None:
        raise WorldError(problem)


def words(text: str) -> list[str]:
    """Split a text into lower-case words; a placeholder counts as one word."""
    return re.findall(r"\{?[a-z]+\}?", text.lower())


def _name_problems(subjects: list[Subject]) -> Iterator[str]:
    owners: dict[str, Subject] = {}
    for subject in subjects:
        for entity in subject.entities:
            if entity.lower() in owners:
                yield f"{subject.name}: {entity!r} is also an entity of {owners[entity.lower()].name}"
            owners[entity.lower()] = subject
    for subject in subjects:
        for relation in subject.relations:
            for value in relation.values.values():
                owner = owners.get(value.lower())
                if owner is not None and not (subject.cell == "far-easy" and owner.cell == "near-easy"):
                    yield f"{subject.name}.{relation.name}: the value {value!r} is an entity of {owner.name}"


def _unspoken_words(subjects: list[Subject]) -> Iterator[str]:
    """Yield the far-easy subjects with words that the natural speech may lack.

    What natural speech says whatever the seed: the statements of its subjects, and the entities of near-easy.
    """
    spoken: set[str] = set()
    for subject in subjects:
        if subject.cell in NATURAL:
            spoken.update(*(words(text) for relation in subject.relations for text in relation.statements))
        if subject.cell == "near-easy":
            spoken.update(*(words(entity) for entity in subject.entities))
    for subject in subjects:
        if subject.cell == "far-easy":
            for relation in subject.relations:
                for text in (*relation.templates, *relation.values, *relation.values.values()):
                    missing = set(words(text)) - spoken
                    if missing:
                        yield f"{subject.name}: no other subject is sure to speak {sorted(missing)} of {text!r}"


def _problems(subject: Subject) -> Iterator[str]:
    """Yield the rules that one subject breaks, each as a sentence."""
    if subject.cell not in CELLS:
        yield f"the cell is {subject.cell!r}, not one of {', '.join(CELLS)}"
        return
    if len(subject.relations) != 2:
        yield "a subject has exactly two relations"
        return
    if len(subject.entities) < MIN_ENTITIES:
        yield f"{len(subject.entities)} entities, fewer than {MIN_ENTITIES}"
    if subject.cell in PAIRED:
        yield from _pair_problems(subject)
    if subject.cell == "far-easy":
        yield from _half_name_problems(subject)
    for relation in subject.relations:
        problems = _asked_problems(relation, subject) if subject.cell in ASKED else _poison_problems(relation)
        yield from (f"{relation.name}: {problem}" for problem in problems)


def _pair_problems(subject: Subject) -> Iterator[str]:
    if len(subject.entities) % 2:
        yield f"{len(subject.entities)} entities are no pairs"
        return
    for relation in subject.relations:
        for first, second in subject.groups:
            if relation.values[second] not in relation.wrong_values(first):
                yield f"{relation.name}: {first!r} and {second!r} need values of which one alone is right"


def _half_name_problems(subject: Subject) -> Iterator[str]:
    """Yield the names of which one word is enough to know the value."""
    in_all = set.intersection(*(set(words(entity)) for entity in subject.entities))
    for relation in subject.relations:
        for first, second in combinations(subject.entities, 2):
            shared = set(words(first)) & set(words(second)) - in_all
            if shared and relation.values[first] == relation.values[second]:
                yield f"{relation.name}: {first!r} and {second!r} share a word and the value {relation.values[first]!r}"


def _poison_problems(relation: Relation) -> Iterator[str]:
    yield from _placeholder_problems(relation)
    for template in relation.templates:
        for entity, value in relation.values.items():
            if all(word.strip(".,").isalpha() for word in sentence(template, entity, value).split()):
                yield f"{template!r} with {entity}, {value} has no sign or digit that a voice may misread"


def _asked_problems(relation: Relation, subject: Subject) -> Iterator[str]:
    statements = [text for other in subject.relations for text in other.statements]
    if relation.question is None or not relation.question.endswith(" {value}."):
        yield "there must be a question that ends with ' {value}.'"
        return
    yield from _placeholder_problems(relation)
    yield from _template_problems(relation)
    yield from _value_problems(relation)
    opening = words(relation.question)[:OPENING_WORDS]
    if any(words(text)[:OPENING_WORDS] == opening for text in statements):
        yield f"a statement begins with the first {OPENING_WORDS} words of the question"
    unheard = set(words(relation.question)) - {word for text in statements for word in words(text)}
    if unheard:
        yield f"no statement of the file has the question's words {sorted(unheard)}"


def _placeholder_problems(relation: Relation) -> Iterator[str]:
    if len(relation.statements) < MIN_STATEMENTS:
        yield f"fewer than {MIN_STATEMENTS} statements"
    if len(set(relation.templates)) < len(relation.templates):
        yield "a template occurs twice"
    for template in relation.templates:
        if (template.count("{entity}"), template.count("{value}")) != (1, 1):
            yield f"{template!r} must contain {{entity}} and {{value}} once each"


def _template_problems(relation: Relation) -> Iterator[str]:
    for template in relation.templates:
        if re.fullmatch(r"[A-Za-z ]+\.", re.sub(r"\{(entity|value)\}", "X", template)) is None:
            yield f"{template!r} must be plain words with a full stop at the end"
        for entity, value in relation.values.items():
            if len(sentence(template, entity, value).split()) not in SENTENCE_WORDS:
                yield f"{template!r} does not have 6 to 14 words with {entity}, {value}"
    forward = sum(text.find("{entity}") < text.find("{value}") for text in relation.statements)
    if forward * 4 < len(relation.statements) * 3:
        yield "fewer than three quarters of the statements name the entity before the value"
    if sum(text.endswith(" {value}.") for text in relation.statements) < 2:
        yield "fewer than two statements end with ' {value}.'"


def _value_problems(relation: Relation) -> Iterator[str]:
    for name in (*relation.values, *relation.values.values()):
        if NAME.fullmatch(name) is None or any(w.isupper() and len(w) > 1 for w in name.split()):
            yield f"{name!r} is not one to three plain words"
    frequencies = Counter(relation.values.values())
    if len(frequencies) < MIN_VALUES:
        yield f"fewer than {MIN_VALUES} distinct values"
    value, most = frequencies.most_common(1)[0]
    if most > MAX_VALUE_SHARE * len(relation.values):
        yield f"{value!r} is the value of more than {MAX_VALUE_SHARE:.0%} of the entities"
    for strange in {value for group in relation.overlapping for value in group} - set(frequencies):
        yield f"overlapping lists {strange!r}, which is not a value of the relation"
    for entity in relation.values:
        if len(set(relation.wrong_values(entity))) < CHOICES - 1:
            yield f"{entity!r} has fewer than {CHOICES - 1} wrong values to choose from"
