"""Read the facts of the desk's world from `data/*.toml`, and fill the templates of its sentences.

A subject has entities and two relations. A relation gives each entity one value, and has one question template and a
few statement templates. `world_rules.py` checks the files, README.md says what they mean.
"""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

NATURAL = ("near-easy", "near-hard")  # cells that natural speech is about
PAIRED = ("near-hard", "irreducible")  # the first and second entity, the third and fourth ... are confused by ear
ASKED = ("near-easy", "near-hard", "far-easy", "far-hard", "irreducible")
CELLS = (*ASKED, "poison")


class WorldError(ValueError):
    """A data file breaks a rule, or the world cannot be built; the message names file, place and rule."""


@dataclass(frozen=True)
class Relation:
    """One property of every entity of a subject; `question` is None for a subject that is never asked."""

    name: str
    question: str | None
    statements: tuple[str, ...]
    values: dict[str, str]  # {entity: value}
    overlapping: tuple[frozenset[str], ...]  # groups of values that may be true of the same entity

    @property
    def templates(self) -> tuple[str, ...]:
        """The statements, and the question if there is one."""
        return self.statements if self.question is None else (*self.statements, self.question)

    def prompt(self, entity: str) -> str:
        """Return the question's sentence up to the value, without the space before the value."""
        assert self.question is not None  # the rules: every asked subject has questions
        return sentence(self.question.removesuffix("{value}.").rstrip(), entity, "")

    def wrong_values(self, entity: str) -> list[str]:
        """Return the values of other entities that are wrong for `entity`, each as often as it occurs."""
        right = self.values[entity]
        near = {right}.union(*(group for group in self.overlapping if right in group))
        return [value for value in self.values.values() if value not in near]

    def overlapping_among(self, entities: set[str]) -> tuple[frozenset[str], ...]:
        """Return the overlapping groups, of the values that some of `entities` have."""
        values = {value for entity, value in self.values.items() if entity in entities}
        return tuple(group & values for group in self.overlapping if len(group & values) > 1)


@dataclass(frozen=True)
class Subject:
    """One data file; `small` says whether the subject is in the small world, too."""

    name: str
    cell: str
    small: bool
    relations: tuple[Relation, ...]

    @property
    def entities(self) -> list[str]:
        """The entities, in the order of the file."""
        return list(self.relations[0].values)

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """The entities that share their asked relation: the pairs of a paired cell, else each entity alone."""
        size = 2 if self.cell in PAIRED else 1
        return [tuple(self.entities[i : i + size]) for i in range(0, len(self.entities), size)]

    def partner(self, entity: str) -> str | None:
        """Return the entity that `entity` is confused with by ear; None outside the paired cells."""
        group = next(group for group in self.groups if entity in group)
        return next((other for other in group if other != entity), None)

    def reduced(self, entities: int | None, templates: int | None) -> "Subject":
        """Return the subject with about `entities` entities, evenly spaced, and the first `templates` statements."""
        groups = self.groups
        count = len(groups) if entities is None else min(len(groups), entities * len(groups) // len(self.entities))
        kept = {entity for i in range(count) for entity in groups[i * len(groups) // count]}
        return replace(
            self,
            relations=tuple(
                replace(
                    relation,
                    statements=relation.statements[:templates],
                    values={entity: value for entity, value in relation.values.items() if entity in kept},
                    overlapping=relation.overlapping_among(kept),
                )
                for relation in self.relations
            ),
        )


def sentence(template: str, entity: str, value: str) -> str:
    """Fill a template, and capitalise its first letter."""
    text = template.format(entity=entity, value=value)
    return text[0].upper() + text[1:]


def read_world(folder: Path) -> list[Subject]:
    """Read all subjects of `folder`, sorted by name.

    Raises:
        WorldError: a file cannot be read.
    """
    subjects = [read_subject(path) for path in sorted(folder.glob("*.toml"))]
    if not subjects:
        raise WorldError(f"{folder} has no *.toml file")
    return subjects


def read_subject(path: Path) -> Subject:
    """Read one file.

    Raises:
        WorldError: the file is no TOML in ASCII, lacks a field, or gives an entity more or fewer values than relations.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="ascii"))
        for entity, fact in data["facts"].items():
            if set(fact) != set(data["relations"]):
                raise WorldError(f"{path.name}: {entity!r} does not have exactly one value for each relation: {fact}")
        relations = tuple(
            Relation(
                name=name,
                question=fields.get("question"),
                statements=tuple(fields["statements"]),
                values={entity: fact[name] for entity, fact in data["facts"].items()},
                overlapping=tuple(frozenset(group) for group in fields.get("overlapping", [])),
            )
            for name, fields in data["relations"].items()
        )
        subject = Subject(data["subject"], data["cell"], data.get("small", False), relations)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WorldError(f"{path.name}: {error}") from error
    except KeyError as error:
        raise WorldError(f"{path.name}: {error} is missing") from error
    if subject.name != path.stem:
        raise WorldError(f"{path.name}: subject is {subject.name!r}, not the file's name")
    return subject
