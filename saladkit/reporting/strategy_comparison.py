"""Selection strategies compared: the same Stage I and the same speech budget, over the runs of several seeds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.reporting.predictions import Key, Predictions, paired_items, read_predictions_of
from saladkit.reporting.provenance import heard_domains
from saladkit.reporting.result_names import label
from saladkit.scoring.seeds import OverSeeds, accuracy_over_seeds, over_seeds


@dataclass(frozen=True)
class StrategyFindings:
    """One strategy: accuracies on speech input, and differences from the control in points (None for the control)."""

    name: str
    label: str
    unheard: OverSeeds
    heard: OverSeeds
    unheard_gain: OverSeeds | None
    heard_gain: OverSeeds | None


@dataclass(frozen=True)
class RunOfStrategy:
    """The answers of one strategy's model in one run, item by item."""

    heard: np.ndarray  # whether the natural speech of the run is about the question's subject, bool
    correct: np.ndarray  # 1.0 or 0.0


def compare_strategies(
    runs: list[Path], folders: dict[str, str], speech: str | None, held_out: str | None
) -> list[StrategyFindings]:
    """Compare the results of several strategies, the first of which is the control; without strategies, return none.

    Args:
        runs: folders of runs of one recipe with different seeds.
        folders: name of each strategy -> folder of its results, below every run.
        speech: folder of the natural speech, below every run.
        held_out: the task of the held-out voice, which is left out, if there is one.

    Raises:
        SaladError: results are missing or do not pair, or a run lacks questions on heard or on unheard subjects.
    """
    if not folders:
        return []
    if speech is None:
        raise SaladError("--choice compares heard and unheard subjects, which are not known", "Add --speech.")
    answers: dict[str, list[RunOfStrategy]] = {name: [] for name in folders}
    for run in runs:
        heard = heard_domains(run / speech)
        models = [read_predictions_of(name, run / folder) for name, folder in folders.items()]
        tasks = {task for task, _ in models[0].rows.get("speech", {})} - {held_out}
        items = paired_items([(model, "speech") for model in models], tasks)
        for model in models:
            answers[model.name].append(_answers(model, heard, items))
        if len(set(answers[models[0].name][-1].heard.tolist())) < 2:
            raise SaladError(
                f"the questions of {run} are all on heard or all on unheard subjects",
                "Evaluate on questions on both kinds of subjects.",
            )
    control = next(iter(answers.values()))
    return [_findings(name, of_name, None if of_name is control else control) for name, of_name in answers.items()]


def _answers(model: Predictions, heard: set[str], items: list[Key]) -> RunOfStrategy:
    """Return the answers to the questions that have a subject."""
    rows = [row for row in (model.rows["speech"][key] for key in items) if row["domain"] is not None]
    return RunOfStrategy(
        np.array([row["domain"] in heard for row in rows]), np.array([float(row["acc_norm"]) for row in rows])
    )


def _findings(name: str, runs: list[RunOfStrategy], control: list[RunOfStrategy] | None) -> StrategyFindings:
    """Return the accuracies of one strategy, and its differences from the control unless it is the control itself."""
    unheard, heard = ([[run.correct[run.heard == kind]] for run in runs] for kind in (False, True))
    gains: list[OverSeeds | None] = [None, None]
    if control is not None:
        more = [100 * (run.correct - other.correct) for run, other in zip(runs, control, strict=True)]
        gains = [
            over_seeds([[gain[run.heard == kind]] for gain, run in zip(more, runs, strict=True)])
            for kind in (False, True)
        ]
    return StrategyFindings(name, label(name), accuracy_over_seeds(unheard), accuracy_over_seeds(heard), *gains)
