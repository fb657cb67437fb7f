"""Continuations of two slots: a name that was heard, and the fact of it that is never spoken.

A statement about an entity is followed by "The name was NAME, which recalls VALUE.", where VALUE is the fact about the
entity that is asked. The text LLM reads such texts. Questions let a statement be heard, give "The name was" as text,
and leave name and value to be written: a wrong name that the model has written itself leads to a wrong value, unless
the model goes on listening.
"""

import random
import re

from held_out import Roles
from world import Subject, sentence

TRAIL = " The name was"
REFERENCE = "{name}, which recalls {value}"
WRITTEN = re.compile(r"\s*(?P<name>[^,.]*), which recalls\s*(?P<value>[^,.]*)")


def recalling_sentences(subject: Subject, roles: Roles) -> list[str]:
    """Return every statement about what is not asked of an entity, with name and asked value behind it."""
    return [
        f"{said}{TRAIL} {REFERENCE.format(name=entity, value=value)}."
        for entity, value, statements in _facts(subject, roles)
        for said in statements
    ]


def two_slot_questions(subject: Subject, roles: Roles, rng: random.Random) -> list[dict]:
    """Write a question about each entity that is asked, behind one of the statements, drawn at random."""
    return [
        {
            "text": rng.choice(statements),
            "trail": TRAIL,
            "reference": REFERENCE.format(name=entity, value=value),
            "domain": subject.name,
            "cell": subject.cell,
            "entity": entity,
            "value": value,
        }
        for entity, value, statements in _facts(subject, roles)
    ]


def _facts(subject: Subject, roles: Roles) -> list[tuple[str, str, list[str]]]:
    """Return of each entity its name, its asked value, and all statements about its other relation."""
    found = []
    for entity, asked in roles.asked.items():
        value = next(relation.values[entity] for relation in subject.relations if relation.name == asked)
        others = [relation for relation in subject.relations if relation.name != asked]
        said = [sentence(text, entity, other.values[entity]) for other in others for text in other.statements]
        found.append((entity, value, said))
    return found


def slots_right(response: str, name: str, value: str) -> tuple[bool, bool]:
    """Return whether a written continuation has exactly the name in its first slot and the value in its second.

    Capitals do not count. A response that is not of the form has neither.
    """
    found = WRITTEN.match(response)
    if found is None:
        return False, False
    return found["name"].strip().lower() == name.lower(), found["value"].strip().lower() == value.lower()
