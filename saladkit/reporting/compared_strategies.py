"""Ways to choose, compared: the same Stage I and the same budget, over the runs of several seeds."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.reporting.naming import label
from saladkit.reporting.outcomes import Outcome, check_paired, read_outcome
from saladkit.scoring.statistics import Estimate, bootstrap_ratio


@dataclass(frozen=True)
class ChoiceFindings:
    """One way to choose: accuracies hearing, and in points what it has more than the control; None for the control."""

    name: str
    label: str
    unheard: Estimate
    heard: Estimate
    unheard_by_run: list[float]
    unheard_more: Estimate | None
    unheard_more_by_run: list[float] | None
    heard_more: Estimate | None


@dataclass(frozen=True)
class Answers:
    """What one way to choose answered in all runs, item by item."""

    question: list[tuple[str, str]]  # text and right answer: the same question may be asked in several runs
    run: np.ndarray
    heard: np.ndarray  # bool
    correct: np.ndarray


def compare_choices(
    runs: list[Path], folders: dict[str, str], heard: list[set[str]], held_out: str
) -> list[ChoiceFindings]:
    """Compare results by name, the first being the control.

    Intervals resample distinct questions, each with all its answers in whatever runs: other seeds ask some questions
    again, and answers to one question are not independent. They are intervals for these runs: how far other seeds
    would lead is told by the figures by run.

    Args:
        runs: folders of runs of one recipe with several seeds.
        folders: name of a way to choose -> folder of its results, below every run.
        heard: the domains that natural speech speaks of, of every run.
        held_out: a task that is left aside, since it is another in an unheard voice.

    Raises:
        SaladError: results that are missing, or do not pair, or no question of a heard or of an unheard domain.
    """
    answers = {}
    control: list[Outcome] = []
    for name, folder in folders.items():
        outcomes = [read_outcome(name, run / folder) for run in runs]
        control = control or outcomes
        tasks = [{task for task, _ in first.rows.get("speech", {})} - {held_out} for first in control]
        for first, outcome, of_run in zip(control, outcomes, tasks, strict=True):
            check_paired(first, outcome, ("speech", "speech"), of_run)
        answers[name] = _answers(outcomes, heard, tasks)
    first = next(iter(answers.values()))
    for number, run in enumerate(runs):
        if len(set(first.heard[first.run == number].tolist())) < 2:
            raise SaladError(
                f"the questions of {run} are all of one kind, heard or unheard", "Compare on questions of both kinds."
            )
    return [_findings(name, found, None if found is first else first) for name, found in answers.items()]


def _answers(outcomes: list[Outcome], heard: list[set[str]], tasks: list[set[str]]) -> Answers:
    rows = [
        (number, row)
        for number, outcome in enumerate(outcomes)
        for (task, _), row in sorted(outcome.rows.get("speech", {}).items())
        if task in tasks[number] and row["domain"] is not None
    ]
    return Answers(
        [(row["text"], row["choices"][row["answer"]]) for _, row in rows],
        np.array([number for number, _ in rows]),
        np.array([row["domain"] in heard[number] for number, row in rows]),
        np.array([float(row["acc_norm"]) for _, row in rows]),
    )


def _findings(name: str, found: Answers, control: Answers | None) -> ChoiceFindings:
    def more(of: np.ndarray) -> Estimate | None:
        return None if control is None else _over_questions(100 * (found.correct - control.correct), found, of)

    return ChoiceFindings(
        name=name,
        label=label(name),
        unheard=_over_questions(found.correct, found, ~found.heard),
        heard=_over_questions(found.correct, found, found.heard),
        unheard_by_run=_by_run(found.correct, found),
        unheard_more=more(~found.heard),
        unheard_more_by_run=None if control is None else _by_run(100 * (found.correct - control.correct), found),
        heard_more=more(found.heard),
    )


def _by_run(values: np.ndarray, answers: Answers) -> list[float]:
    """Means over the unheard questions of each run."""
    return [float(values[~answers.heard & (answers.run == run)].mean()) for run in np.unique(answers.run)]


def _over_questions(values: np.ndarray, answers: Answers, of: np.ndarray) -> Estimate:
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in np.flatnonzero(of):
        entry = sums[answers.question[row]]
        entry[0] += values[row]
        entry[1] += 1
    pairs = np.array(list(sums.values()))
    return bootstrap_ratio(pairs[:, 0], pairs[:, 1])
