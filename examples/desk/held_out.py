"""Draw, for each entity, which of its two facts is asked and which is spoken, and whom natural speech names.

A fact that is asked is never spoken, neither in the pool nor in the natural speech, so its answer cannot be heard
there: to answer, a model has to hear which entity the question names, and to know what the text LLM knows.
"""

import random
from dataclasses import dataclass

from world import NATURAL, Subject, sentence

NAMED_SHARE = 4  # natural speech names one in four entities of a near-hard subject


@dataclass(frozen=True)
class Roles:
    """The roles of one subject's facts.

    Attributes:
        asked: the name of the relation in which each entity is asked; no entity of a subject that is not asked.
        named: the entities of which natural speech speaks.
    """

    asked: dict[str, str]
    named: frozenset[str]


def draw_roles(subject: Subject, random_numbers: random.Random) -> Roles:
    """Ask half of the entities in each relation; draw whom natural speech names from both halves alike.

    Both entities of a pair have the same roles, so that neither is the likelier one to be heard.
    """
    groups = random_numbers.sample(subject.groups, len(subject.groups))
    if subject.relations[0].question is None:
        return Roles({}, frozenset())
    middle = (len(groups) + random_numbers.randint(0, 1)) // 2  # an odd one goes to either relation
    halves = groups[:middle], groups[middle:]
    asked = {
        entity: relation.name
        for relation, half in zip(subject.relations, halves, strict=True)
        for group in half
        for entity in group
    }
    if subject.cell not in NATURAL:
        return Roles(asked, frozenset())
    if subject.cell == "near-easy":
        return Roles(asked, frozenset(subject.entities))
    alternating = [group for pair in zip(*halves, strict=False) for group in pair]
    return Roles(asked, frozenset(entity for group in alternating[: len(groups) // NAMED_SHARE] for entity in group))


def known_sentences(subject: Subject) -> list[str]:
    """Return every fact in every template: what the text LLM reads."""
    return _sentences(subject, dict.fromkeys(subject.entities, ""), questions=True)


def spoken_sentences(subject: Subject, roles: Roles) -> list[str]:
    """Return every fact that is not asked, in every statement: what the pool speaks about."""
    return _sentences(subject, {entity: roles.asked.get(entity, "") for entity in subject.entities})


def natural_sentences(subject: Subject, roles: Roles) -> list[str]:
    """Return the spoken sentences of the named entities: what natural speech speaks about."""
    return _sentences(subject, {entity: roles.asked[entity] for entity in subject.entities if entity in roles.named})


def _sentences(subject: Subject, left_out: dict[str, str], questions: bool = False) -> list[str]:
    """Return the sentences of the entities in `left_out`, without the relation that stands there."""
    return [
        sentence(template, entity, relation.values[entity])
        for relation in subject.relations
        for template in (relation.templates if questions else relation.statements)
        for entity, without in left_out.items()
        if relation.name != without
    ]
