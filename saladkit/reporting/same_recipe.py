"""Check that runs differ in their seed alone, before their results are joined."""

from saladkit.errors import SaladError
from saladkit.formats.gap_table import spans_of
from saladkit.reporting.gap_tables import comparable_tables
from saladkit.reporting.groups import Group
from saladkit.reporting.provenance import training_of
from saladkit.reporting.run_answers import RunAnswers
from saladkit.scoring.guessing import chance

FIX = "Give runs of one recipe that differ in their seed alone."


def check_same_recipe(runs: list[RunAnswers]) -> None:
    """Check that runs have the same tasks, groups of questions, models and spans.

    Questions may differ, because a seed may draw its own; their tasks, groups and numbers of options may not.

    Raises:
        SaladError: runs differ in more than their seed, or two runs have the same models.
    """
    first = runs[0]
    for number, run in enumerate(runs[1:], 1):
        _check_questions(first, run)
        _check_models(first, run)
        _check_spans(first, run)
        for earlier in runs[:number]:
            if [m.model_digest for m in earlier.models] == [m.model_digest for m in run.models]:
                raise SaladError(f"{_place(earlier)} and {_place(run)} hold the same models: they are one seed", FIX)


def _place(run: RunAnswers) -> str:
    return str(run.inventory.run)


def _check_questions(first: RunAnswers, run: RunAnswers) -> None:
    for what, ours, theirs in (
        ("tasks", sorted(first.tasks), sorted(run.tasks)),
        ("groups of questions", _names(first.items.compared()), _names(run.items.compared())),
        ("measures of answers", first.measures, run.measures),
    ):
        if ours != theirs:
            odd = ", ".join(sorted(set(ours) ^ set(theirs)))
            raise SaladError(f"{_place(first)} and {_place(run)} have other {what}: only one has {odd}", FIX)
    options = [chance(of.items.rows) for of in (first, run)]
    if None not in options and abs((options[0] or 0) - (options[1] or 0)) > 1e-9:
        raise SaladError(f"the questions of {_place(first)} and {_place(run)} have other numbers of options", FIX)


def _names(groups: list[Group]) -> list[str]:
    return [f"{group.split} {group.name}" for group in groups]


def _check_models(first: RunAnswers, run: RunAnswers) -> None:
    _check_settings(str(first.teacher.place), first.teacher.settings, str(run.teacher.place), run.teacher.settings)
    for ours, theirs in zip(first.models, run.models, strict=True):
        _check_settings(str(ours.place), ours.settings, str(theirs.place), theirs.settings)
        trainings = training_of(first.inventory, ours.model_digest), training_of(run.inventory, theirs.model_digest)
        known = [training.checkpoint for training in trainings if training]
        if len(known) == 2:
            one, other = known
            _check_settings(str(one.path), one.manifest["settings"], str(other.path), other.manifest["settings"])


def _check_spans(first: RunAnswers, run: RunAnswers) -> None:
    measured = []
    for of in (first, run):
        tables = comparable_tables(of.inventory, {model.name: model.model_digest for model in of.models})
        measured.append(next(iter(tables.values())) if tables else None)
    ours, theirs = measured
    if ours and theirs:
        spans = [spans_of(table.manifest["settings"]) for table in (ours, theirs)]
        if spans[0] != spans[1]:
            raise SaladError(
                f"{ours.path} was measured with {spans[0]}, and {theirs.path} with {spans[1]}",
                "Measure both with the same spans.",
            )


def _check_settings(first: str, ours: dict, second: str, theirs: dict) -> None:
    for name in sorted((ours.keys() | theirs.keys()) - {"seed"}):
        if ours.get(name) != theirs.get(name):
            raise SaladError(
                f"{first} was made with {name} = {ours.get(name)}, and {second} with {theirs.get(name)}", FIX
            )
