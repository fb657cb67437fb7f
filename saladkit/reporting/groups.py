"""The groups of questions by which a report splits its numbers, in one way for all of them."""

from dataclasses import dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.results import groups_of
from saladkit.reporting.predictions import Key, Predictions


@dataclass(frozen=True)
class Group:
    """Some of the questions: `split` says by what they are sorted, `name` which of its groups this is."""

    split: str
    name: str

    @property
    def heading(self) -> str:
        """The name among the other groups of its split, such as `Unheard subjects` or `far`."""
        if self.split.startswith(COLUMN):
            return self.name
        return f"{self.name} subjects".capitalize() if self.split == SUBJECTS else self.name.capitalize()

    @property
    def column(self) -> str:
        """The column of `eval --by` that this group is of; only where `split` begins with COLUMN."""
        return self.split.removeprefix(COLUMN)

    @property
    def title(self) -> str:
        """The name among all groups, such as `Unheard subjects` or `cell: far`."""
        return f"{self.column}: {self.name}" if self.split.startswith(COLUMN) else self.heading


ALL = Group("all", "all questions")
SUBJECTS, DOMAIN, COLUMN = "subjects", "domain", "by "  # splits; those of `eval --by` are COLUMN and the column
UNHEARD, HEARD = Group(SUBJECTS, "unheard"), Group(SUBJECTS, "heard")
MEAN = "mean of groups"  # name of the group of a column that has all of its groups, with equal weights


@dataclass(frozen=True)
class Subject:
    """A domain of the questions: heard if natural speech of the training is about it, else unheard; None if unknown."""

    name: str
    heard: bool | None
    items: int


@dataclass(frozen=True)
class Items:
    """The items by which all models are compared, and the groups that they are in.

    Attributes:
        rows: the text LLM's prediction of each item.
        groups: which items each group has, bool [items], in the order in which groups are shown; none is empty. The
            mean of a column's groups has several of them, all others one.
    """

    keys: list[Key]
    rows: list[dict]
    groups: dict[Group, list[np.ndarray]]

    @classmethod
    def of(cls, keys: list[Key], teacher: Predictions, heard_domains: set[str] | None) -> "Items":
        """Find the groups of these items; an item without a domain, or without a value of a column, is in none.

        Args:
            heard_domains: domains of the natural speech; None if unknown.
        """
        rows = [teacher.rows["text"][key] for key in keys]
        members: dict[Group, list[int]] = {ALL: list(range(len(rows))), UNHEARD: [], HEARD: []}
        for place, row in enumerate(rows):
            for group in _of_row(row, heard_domains):
                members.setdefault(group, []).append(place)
        ordered = [*list(members)[:3], *sorted(list(members)[3:], key=lambda group: (group.split, group.name))]
        masks = {group: [np.isin(np.arange(len(rows)), members[group])] for group in ordered if members[group]}
        return cls(keys, rows, masks | _means(masks))

    def subjects(self) -> list[Subject]:
        """Return the subjects, sorted by name."""
        (heard,) = self.groups.get(HEARD, [np.zeros(len(self.rows), dtype=bool)])
        known = HEARD in self.groups or UNHEARD in self.groups
        found = [(group.name, mask) for group, (mask, *_) in self.groups.items() if group.split == DOMAIN]
        return [Subject(name, bool(heard[mask].any()) if known else None, int(mask.sum())) for name, mask in found]

    def columns(self) -> dict[str, list[Group]]:
        """Return the groups of each column of `eval --by`."""
        found: dict[str, list[Group]] = {}
        for group in self.groups:
            if group.split.startswith(COLUMN):
                found.setdefault(group.split.removeprefix(COLUMN), []).append(group)
        return found

    def by_subject_kind(self) -> list[Group]:
        """Return all items, and the unheard and the heard subjects where there are any."""
        return [group for group in (ALL, UNHEARD, HEARD) if group in self.groups]

    def main(self, primary: str | None) -> Group:
        """Return the group that the headline is about: the mean over a column's groups, or unheard subjects, or all.

        Raises:
            SaladError: the results are not split by the column `primary`, or it has one group alone.
        """
        if primary is None:
            return UNHEARD if UNHEARD in self.groups else ALL
        mean = Group(COLUMN + primary, MEAN)
        if mean not in self.groups:
            raise SaladError(
                f"the results have no mean over groups of '{primary}'",
                "Name a column by which `saladkit eval --by` has split them, with two groups at least.",
            )
        return mean

    def compared(self) -> list[Group]:
        """Return the groups over which models are compared: all but the single subjects, of which there are many."""
        return [group for group in self.groups if group.split != DOMAIN]


def _means(masks: dict[Group, list[np.ndarray]]) -> dict[Group, list[np.ndarray]]:
    """Return the mean of the groups of each column that has several."""
    columns: dict[str, list[np.ndarray]] = {}
    for group, of_group in masks.items():
        if group.split.startswith(COLUMN):
            columns.setdefault(group.split, []).extend(of_group)
    return {Group(split, MEAN): of_column for split, of_column in columns.items() if len(of_column) > 1}


def _of_row(row: dict, heard_domains: set[str] | None) -> list[Group]:
    columns = [Group(COLUMN + column, value) for column, value in groups_of(row).items()]
    if row["domain"] is None:
        return columns
    kind = [] if heard_domains is None else [HEARD if row["domain"] in heard_domains else UNHEARD]
    return [*kind, Group(DOMAIN, row["domain"]), *columns]
