"""Read the facts of the desk's world from `data/*.toml`, and check that every file keeps the rules.

A subject has entities and two relations. A relation gives each entity one value, and has one question template and a
few statement templates. The rules (README.md) make the questions fair: the sentence of a question is never in the
spoken texts, and guessing a common value gains nothing.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[A-Za-z]+( [A-Za-z]+){0,2}")
SENTENCE_WORDS = range(6, 15)
MIN_ENTITIES = 26
MIN_STATEMENTS = 4
MIN_VALUES = 6
MAX_VALUE_SHARE = 0.30
OPENING_WORDS = 4  # no statement begins with this many words of the question
CHOICES = 4


class WorldError(ValueError):
    """A data file breaks a rule; the message names file, place and rule."""


@dataclass(frozen=True)
class Relation:
    """One question that can be asked about every entity of a subject."""

    name: str
    question: str
    statements: tuple[str, ...]
    values: dict[str, str]  # {entity: value}
    overlapping: tuple[frozenset[str], ...]  # groups of values that may be true of the same entity

    def prompt(self, entity: str) -> str:
        """Return the question's sentence up to the value, without the space before the value."""
        return sentence(self.question.removesuffix("{value}.").rstrip(), entity, "")

    def wrong_values(self, entity: str) -> list[str]:
        """Return the values of other entities that are wrong for `entity`, each as often as it occurs."""
        right = self.values[entity]
        near = {right}.union(*(group for group in self.overlapping if right in group))
        return [value for value in self.values.values() if value not in near]


@dataclass(frozen=True)
class Subject:
    """One data file; `heard` says whether the natural speech is about this subject."""

    name: str
    heard: bool
    relations: tuple[Relation, ...]

    def sentences(self, with_questions: bool) -> list[str]:
        """Return the sentence of every pair of a fact and a template, in the order of the file."""
        return [
            sentence(template, entity, value)
            for relation in self.relations
            for template in relation.statements + (relation.question,) * with_questions
            for entity, value in relation.values.items()
        ]


def sentence(template: str, entity: str, value: str) -> str:
    """Fill a template, and capitalise its first letter."""
    text = template.format(entity=entity, value=value)
    return text[0].upper() + text[1:]


def read_world(folder: Path) -> list[Subject]:
    """Read all subjects of `folder`, sorted by name, and check each alone and all against each other.

    Raises:
        WorldError: a file cannot be read or breaks a rule.
    """
    subjects = [read_subject(path) for path in sorted(folder.glob("*.toml"))]
    if not subjects:
        raise WorldError(f"{folder} has no *.toml file")
    owners: dict[str, str] = {}
    for subject in subjects:
        for entity in subject.relations[0].values:
            if entity.lower() in owners:
                raise WorldError(f"{subject.name}: {entity!r} is also an entity of {owners[entity.lower()]}")
            owners[entity.lower()] = subject.name
    for subject in subjects:
        for relation in subject.relations:
            for value in relation.values.values():
                if value.lower() in owners:
                    raise WorldError(
                        f"{subject.name}.{relation.name}: the value {value!r} is an entity of {owners[value.lower()]}"
                    )
    return subjects


def read_subject(path: Path) -> Subject:
    """Read and check one file.

    Raises:
        WorldError: names the first rule that the file breaks.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="ascii"))
        for entity, fact in data["facts"].items():
            if set(fact) != set(data["relations"]):
                raise WorldError(f"{path.name}: {entity!r} does not have exactly one value for each relation: {fact}")
        relations = tuple(
            Relation(
                name=name,
                question=fields["question"],
                statements=tuple(fields["statements"]),
                values={entity: fact[name] for entity, fact in data["facts"].items()},
                overlapping=tuple(frozenset(group) for group in fields.get("overlapping", [])),
            )
            for name, fields in data["relations"].items()
        )
        subject = Subject(data["subject"], data["heard"], relations)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WorldError(f"{path.name}: {error}") from error
    except KeyError as error:
        raise WorldError(f"{path.name}: {error} is missing") from error
    if subject.name != path.stem:
        raise WorldError(f"{path.name}: subject is {subject.name!r}, not the file's name")
    problem = next(_problems(subject), None)
    if problem is not None:
        raise WorldError(f"{path.name}: {problem}")
    return subject


def _words(text: str) -> list[str]:
    """Split a text into lower-case words; a placeholder counts as one word."""
    return re.findall(r"\{?[a-z]+\}?", text.lower())


def _problems(subject: Subject) -> Iterator[str]:
    """Yield the rules that one subject breaks, each as a sentence."""
    if len(subject.relations) != 2:
        yield "a subject has exactly two relations"
        return
    statements = [text for relation in subject.relations for text in relation.statements]
    heard_words = {word for text in statements for word in _words(text)}
    openings = {tuple(_words(text)[:OPENING_WORDS]) for text in statements}
    for relation in subject.relations:
        yield from (f"{relation.name}: {problem}" for problem in _template_problems(relation))
        yield from (f"{relation.name}: {problem}" for problem in _value_problems(relation))
        if tuple(_words(relation.question)[:OPENING_WORDS]) in openings:
            yield f"{relation.name}: a statement begins with the first {OPENING_WORDS} words of the question"
        unheard = set(_words(relation.question)) - heard_words
        if unheard:
            yield f"{relation.name}: no statement of the file has the question's words {sorted(unheard)}"


def _template_problems(relation: Relation) -> Iterator[str]:
    if len(relation.statements) < MIN_STATEMENTS:
        yield f"fewer than {MIN_STATEMENTS} statements"
    templates = (relation.question, *relation.statements)
    if len(set(templates)) < len(templates):
        yield "a template occurs twice"
    for template in templates:
        if (template.count("{entity}"), template.count("{value}")) != (1, 1):
            yield f"{template!r} must contain {{entity}} and {{value}} once each"
        elif re.fullmatch(r"[A-Za-z ]+\.", re.sub(r"\{(entity|value)\}", "X", template)) is None:
            yield f"{template!r} must be plain words with a full stop at the end"
        for entity, value in relation.values.items():
            if len(sentence(template, entity, value).split()) not in SENTENCE_WORDS:
                yield f"{template!r} does not have 6 to 14 words with {entity}, {value}"
    if not relation.question.endswith(" {value}."):
        yield "the question must end with ' {value}.'"
    forward = sum(text.find("{entity}") < text.find("{value}") for text in relation.statements)
    if forward * 4 < len(relation.statements) * 3:
        yield "fewer than three quarters of the statements name the entity before the value"
    if sum(text.endswith(" {value}.") for text in relation.statements) < 2:
        yield "fewer than two statements end with ' {value}.'"


def _value_problems(relation: Relation) -> Iterator[str]:
    count = len(relation.values)
    if count < MIN_ENTITIES:
        yield f"{count} entities, fewer than {MIN_ENTITIES}"
    for name in (*relation.values, *relation.values.values()):
        if NAME.fullmatch(name) is None or any(w.isupper() and len(w) > 1 for w in name.split()):
            yield f"{name!r} is not one to three plain words"
    frequencies = Counter(relation.values.values())
    if len(frequencies) < MIN_VALUES:
        yield f"fewer than {MIN_VALUES} distinct values"
    value, most = frequencies.most_common(1)[0]
    if most > MAX_VALUE_SHARE * count:
        yield f"{value!r} is the value of more than {MAX_VALUE_SHARE:.0%} of the entities"
    for strange in {value for group in relation.overlapping for value in group} - set(frequencies):
        yield f"overlapping lists {strange!r}, which is not a value of the relation"
    for entity in relation.values:
        if len(set(relation.wrong_values(entity))) < CHOICES - 1:
            yield f"{entity!r} has fewer than {CHOICES - 1} wrong values to choose from"
