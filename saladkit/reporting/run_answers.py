"""The answers of all models of one run, over the items by which they can be compared."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.results import WRITTEN
from saladkit.reporting.groups import Group, Items
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.predictions import (
    SCORE,
    Key,
    Predictions,
    common_tasks,
    paired_items,
    read_predictions_of,
)
from saladkit.reporting.provenance import heard_domains
from saladkit.scoring.seeds import Strata
from saladkit.settings.report import ReportSettings

# How an answer is judged: as the report calls it -> the column of the predictions.
MEASURES = {"chosen": SCORE, "written": WRITTEN}


@dataclass(frozen=True)
class RunAnswers:
    """The answers of one run.

    Attributes:
        teacher: the text LLM's predictions.
        models: predictions of every speech-adapted model; the others are compared with the first.
        tasks: names of the tasks, without that of the held-out voice.
        held_out_items: items of the held-out voice that every model answered; empty without such a task.
    """

    inventory: Inventory
    teacher: Predictions
    models: list[Predictions]
    tasks: set[str]
    items: Items
    held_out_items: list[Key]

    @property
    def measures(self) -> list[str]:
        """How answers are judged: by what was chosen, and by what was written if all models wrote as well."""
        wrote = all(row[WRITTEN] is not None for row in self.items.rows)
        return list(MEASURES) if wrote else ["chosen"]

    def right(self, model: Predictions, modality: str, measure: str, group: Group) -> list[np.ndarray]:
        """Return 1.0 for each right answer in a group and 0.0 for each wrong one, float64 [items], by stratum."""
        correct = model.correct(modality, self.items.keys, MEASURES[measure])
        return [correct[mask] for mask in self.items.groups[group]]

    def of(self, name: str) -> Predictions:
        """Return the predictions of one speech-adapted model."""
        return next(model for model in self.models if model.name == name)


def points(first: Strata, second: Strata) -> list[np.ndarray]:
    """Return the difference of the answers of two models to each question, in points, by stratum."""
    return [100 * (one - other) for one, other in zip(first, second, strict=True)]


def read_run(run: Path, folders: dict[str, str], settings: ReportSettings) -> RunAnswers:
    """Read the answers of one run.

    Args:
        run: folder of the run.
        folders: folder in the run of the results of each speech-adapted model, by its name.

    Raises:
        SaladError: results are missing or do not pair (`paired_items`), or the natural speech names no domain.
    """
    if settings.teacher is None:
        raise SaladError("there are no results of the text LLM", "Name them with --teacher.")
    models = [read_predictions_of(name, run / folder) for name, folder in folders.items()]
    teacher = read_predictions_of("text", run / settings.teacher)
    tasks = common_tasks(teacher, settings.held_out)
    conditions = [(model, modality) for model in models for modality in ("text", "speech")]
    keys = paired_items([(teacher, "text"), *conditions], tasks)
    spoken = [(model, "speech") for model in models]
    held_out = paired_items(spoken, {settings.held_out}) if settings.held_out else []
    items = Items.of(keys, teacher, heard_domains(run / settings.speech) if settings.speech else None)
    return RunAnswers(Inventory(run), teacher, models, tasks, items, held_out)
