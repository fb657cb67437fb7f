"""Write the questions of the desk's world: one about each entity, on the fact that is never spoken."""

import random
import re
from itertools import zip_longest

from held_out import Roles
from world import Relation, Subject
from world_rules import CHOICES


def questions(subject: Subject, roles: Roles, count: int | None, rng: random.Random) -> list[dict]:
    """Write a question about each entity, or about `count` of them, half of them about each relation.

    Wrong choices are drawn as often as they are right elsewhere, so that guessing the most common value is no better
    than guessing another. One of them is what is right of the entity that sounds alike, if there is one.
    """
    halves = []
    for relation in subject.relations:
        of_relation = [entity for entity, asked in roles.asked.items() if asked == relation.name]
        halves.append([(relation, entity) for entity in rng.sample(of_relation, len(of_relation))])
    alternating = [one for pair in zip_longest(*halves) for one in pair if one is not None]
    rows = [_question(subject, relation, entity, rng) for relation, entity in alternating[:count]]
    rng.shuffle(rows)
    return rows


def _question(subject: Subject, relation: Relation, entity: str, rng: random.Random) -> dict:
    candidates = relation.wrong_values(entity)
    rng.shuffle(candidates)
    partner = subject.partner(entity)
    first = [] if partner is None else [relation.values[partner]]
    wrong = list(dict.fromkeys([*first, *candidates]))[: CHOICES - 1]
    choices = rng.sample([relation.values[entity], *wrong], CHOICES)
    return {
        "text": relation.prompt(entity),
        "choices": choices,
        "answer": choices.index(relation.values[entity]),
        "domain": subject.name,
        "cell": subject.cell,
        "entity": entity,
    }


def named_in(texts: list[str], entities: list[str]) -> set[str]:
    """Return the entities that occur in a text, as whole words."""
    spoken = " | ".join(" ".join(re.findall(r"[a-z]+", text.lower())) for text in texts)
    return {entity for entity in entities if f" {entity.lower()} " in f" {spoken} "}
