"""Selection strategies compared: the same Stage I and the same speech budget, over the runs of several seeds."""

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.reporting.predictions import Key, Predictions, paired_items, read_predictions_of
from saladkit.reporting.provenance import heard_domains
from saladkit.reporting.result_names import label
from saladkit.scoring.statistics import Estimate, bootstrap_ratio, wilson_interval


@dataclass(frozen=True)
class StrategyFindings:
    """One strategy: accuracies on speech input, and differences from the control in points (None for the control)."""

    name: str
    label: str
    unheard: Estimate
    heard: Estimate
    unheard_by_run: list[float]
    unheard_gain: Estimate | None
    unheard_gain_by_run: list[float] | None
    heard_gain: Estimate | None


@dataclass(frozen=True)
class Answers:
    """The answers of the models of one strategy in all runs, item by item."""

    question: list[tuple[str, str]]  # text and correct answer: several runs may ask the same question
    run: np.ndarray  # index of the run
    heard: np.ndarray  # whether the natural speech of the run is about the question's subject, bool
    correct: np.ndarray  # 1.0 or 0.0


def compare_strategies(runs: list[Path], folders: dict[str, str], speech: str, held_out: str) -> list[StrategyFindings]:
    """Compare the results of several strategies, the first of which is the control; without strategies, return none.

    Intervals resample distinct questions, each with all its answers in all runs: runs of several seeds share some
    questions, and answers to the same question are not independent. The intervals hold for these runs
    only. How much other seeds differ is shown by the numbers of each run.

    Args:
        runs: folders of runs of one recipe with different seeds.
        folders: name of each strategy -> folder of its results, below every run.
        speech: folder of the natural speech, below every run.
        held_out: the task of the held-out voice, which is left out.

    Raises:
        SaladError: results are missing or do not pair, or a run lacks questions on heard or on unheard subjects.
    """
    if not folders:
        return []
    heard = [heard_domains(run / speech) for run in runs]
    predictions = {name: [read_predictions_of(name, run / folder) for run in runs] for name, folder in folders.items()}
    items = []
    for of_run in zip(*predictions.values(), strict=True):
        tasks = {task for task, _ in of_run[0].rows.get("speech", {})} - {held_out}
        items.append(paired_items([(model, "speech") for model in of_run], tasks))
    answers = {name: _answers(of_name, heard, items) for name, of_name in predictions.items()}
    first = next(iter(answers.values()))
    for number, run in enumerate(runs):
        if len(set(first.heard[first.run == number].tolist())) < 2:
            raise SaladError(
                f"the questions of {run} are all on heard or all on unheard subjects",
                "Evaluate on questions on both kinds of subjects.",
            )
    return [_findings(name, of_name, None if of_name is first else first) for name, of_name in answers.items()]


def _answers(predictions: list[Predictions], heard: list[set[str]], items: list[list[Key]]) -> Answers:
    """Join the answers of one strategy in all runs; `heard` and `items` are the heard domains and items of each run."""
    asked = [(number, model.rows["speech"][key]) for number, model in enumerate(predictions) for key in items[number]]
    rows = [(number, row) for number, row in asked if row["domain"] is not None]
    return Answers(
        [(row["text"], row["choices"][row["answer"]]) for _, row in rows],
        np.array([number for number, _ in rows]),
        np.array([row["domain"] in heard[number] for number, row in rows]),
        np.array([float(row["acc_norm"]) for _, row in rows]),
    )


def _findings(name: str, answers: Answers, control: Answers | None) -> StrategyFindings:
    """Return the accuracies of one strategy, and its differences from the control unless it is the control itself."""
    gain = None if control is None else 100 * (answers.correct - control.correct)
    return StrategyFindings(
        name=name,
        label=label(name),
        unheard=_accuracy(answers, ~answers.heard),
        heard=_accuracy(answers, answers.heard),
        unheard_by_run=_by_run(answers.correct, answers),
        unheard_gain=None if gain is None else _over_questions(gain, answers, ~answers.heard),
        unheard_gain_by_run=None if gain is None else _by_run(gain, answers),
        heard_gain=None if gain is None else _over_questions(gain, answers, answers.heard),
    )


def _by_run(values: np.ndarray, answers: Answers) -> list[float]:
    """Return the mean over the questions on unheard subjects of each run."""
    return [float(values[~answers.heard & (answers.run == run)].mean()) for run in np.unique(answers.run)]


def _accuracy(answers: Answers, of: np.ndarray) -> Estimate:
    """Return the accuracy of some answers; where the interval over questions has no width, Wilson's over them."""
    found = _over_questions(answers.correct, answers, of)
    if found.low < found.high:
        return found
    low, high = wilson_interval(round(found.value * found.items), found.items)
    return replace(found, low=low, high=high)


def _over_questions(values: np.ndarray, answers: Answers, of: np.ndarray) -> Estimate:
    """Return the mean of the values of some answers, with an interval over their distinct questions."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in np.flatnonzero(of):
        entry = sums[answers.question[row]]
        entry[0] += values[row]
        entry[1] += 1
    pairs = np.array(list(sums.values()))
    return bootstrap_ratio(pairs[:, 0], pairs[:, 1])
