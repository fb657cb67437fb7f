"""The numbers of a run, computed once: the page, its charts, the summary and the terminal show the same numbers."""

from dataclasses import dataclass

import numpy as np

from saladkit.reporting.contrasts import Contrast, compute_contrasts, contrast_pairs
from saladkit.reporting.gap_tables import MeasuredGap, comparable_tables, measured_gap
from saladkit.reporting.groups import ALL, DOMAIN, HEARD, UNHEARD, Group, Items, Subject
from saladkit.reporting.predictions import Predictions, way_of
from saladkit.reporting.provenance import Training, added_speech, seconds_of_speech, training_of
from saladkit.reporting.region_gaps import RegionGaps, region_gaps
from saladkit.reporting.result_names import label, without_common_prefix
from saladkit.reporting.run_answers import MEASURES, RunAnswers, points
from saladkit.scoring.guessing import best_guess, chance
from saladkit.scoring.seeds import stratified_accuracy, stratified_mean
from saladkit.scoring.statistics import Estimate, accuracy


@dataclass(frozen=True)
class GapSplit:
    """Accuracy of the text LLM on text input minus that of the adapted model on speech input, in points."""

    total: Estimate
    forgetting: Estimate  # the text LLM on text - the adapted model on text
    misalignment: Estimate  # the adapted model on text - the adapted model on speech


@dataclass(frozen=True)
class Answers:
    """How one model answers by one measure, in each group. Accuracies are fractions."""

    speech: dict[Group, Estimate]
    text: dict[Group, Estimate]
    gap: dict[Group, GapSplit]  # not by single subjects


@dataclass(frozen=True)
class ModelFindings:
    """One speech-adapted model. A group without items is None."""

    name: str
    label: str
    short: str  # the label for narrow places
    answers: dict[str, Answers]  # by measure
    held_out: Estimate | None
    recovery: float | None  # share of the first model's gap that is closed; None for the first model and without a gap
    measured: MeasuredGap | None  # None if not every model has a gap table
    training: Training | None
    added_seconds: float | None  # of training speech that the first model was not trained on
    answered_speech: int  # items that the model has a score for, paired or not
    answered_text: int

    @property
    def chosen(self) -> Answers:
        """The answers that the method scores."""
        return self.answers["chosen"]

    @property
    def speech(self) -> Estimate:
        """Accuracy on speech input."""
        return self.chosen.speech[ALL]

    @property
    def heard(self) -> Estimate | None:
        """Accuracy on speech input on heard subjects."""
        return self.chosen.speech.get(HEARD)

    @property
    def unheard(self) -> Estimate | None:
        """Accuracy on speech input on unheard subjects."""
        return self.chosen.speech.get(UNHEARD)

    @property
    def text(self) -> Estimate:
        """Accuracy on text input."""
        return self.chosen.text[ALL]

    @property
    def by_subject(self) -> dict[str, Estimate]:
        """Accuracy on speech input on each subject."""
        return _by_subject(self.chosen.speech)

    @property
    def gap(self) -> GapSplit:
        """The gap over all items."""
        return self.chosen.gap[ALL]

    @property
    def gap_unheard(self) -> GapSplit | None:
        """The gap on unheard subjects."""
        return self.chosen.gap.get(UNHEARD)


@dataclass(frozen=True)
class TextFindings:
    """The text LLM on text input, by measure and group."""

    text: dict[str, dict[Group, Estimate]]
    answered: int  # items that it has a score for, paired or not

    @property
    def all(self) -> Estimate:
        """Accuracy over all items."""
        return self.text["chosen"][ALL]

    @property
    def heard(self) -> Estimate | None:
        """Accuracy on heard subjects."""
        return self.text["chosen"].get(HEARD)

    @property
    def unheard(self) -> Estimate | None:
        """Accuracy on unheard subjects."""
        return self.text["chosen"].get(UNHEARD)

    @property
    def by_subject(self) -> dict[str, Estimate]:
        """Accuracy on each subject."""
        return _by_subject(self.text["chosen"])


@dataclass(frozen=True)
class Findings:
    """Every number of the report. Accuracies and differences are over the same items (`comparable_items`)."""

    tasks: list[str]
    items: Items
    measures: list[str]  # some of `run_answers.MEASURES`
    examples: tuple[float, int]  # few-shot examples before an item: mean and least
    held_out: str | None
    ways: set[str]  # how items were answered: `way_of` of each
    chance: float | None  # accuracy of a random choice; None if a question is open
    guesses: dict[Group, float | None]  # accuracy of the commonest answer of each subject; None as `chance`
    subjects: list[Subject]
    teacher: TextFindings
    models: list[ModelFindings]
    main: Group  # what the headline is about
    contrasts: dict[str, Contrast]
    main_contrast: str | None  # key of the first contrast that --contrast names
    regions: RegionGaps | None

    @property
    def pairs(self) -> dict[str, tuple[str, str]]:
        """The names of both models of each contrast."""
        return {key: (contrast.first, contrast.second) for key, contrast in self.contrasts.items()}

    @property
    def measured(self) -> list[MeasuredGap]:
        """The measured gap of every model; empty if a model has none."""
        return [model.measured for model in self.models if model.measured]

    def model(self, name: str) -> ModelFindings:
        """Return the findings of one result."""
        return next(model for model in self.models if model.name == name)


def compute_findings(
    answers: RunAnswers, contrasts: tuple[tuple[str, str], ...], held_out: str | None, primary: str | None = None
) -> Findings:
    """Compute every number of the run; differences are paired by item.

    Args:
        contrasts: pairs of names of models; the first pair is the main comparison.
        held_out: the task with a voice that no model was trained on, if there is one.
        primary: as `Items.main`.

    Raises:
        SaladError: the gap tables of the models cannot be compared, or as `Items.main`.
    """
    items, teacher = answers.items, answers.teacher
    main = items.main(primary)
    pairs = contrast_pairs([model.name for model in answers.models], contrasts)
    return Findings(
        tasks=sorted(answers.tasks),
        items=items,
        measures=answers.measures,
        examples=_examples(items.rows),
        held_out=held_out,
        ways={way_of(row) for row in items.rows},
        chance=chance(items.rows),
        guesses={group: _guess(items, group) for group in items.compared()},
        subjects=items.subjects(),
        teacher=TextFindings(
            {measure: _accuracies(teacher, "text", measure, items) for measure in answers.measures},
            len(teacher.scored("text", answers.tasks)),
        ),
        models=_models(answers),
        main=main,
        contrasts=compute_contrasts(answers, pairs, main),
        main_contrast=next(iter(pairs)) if contrasts else None,
        regions=region_gaps(answers.inventory, answers.models[0].model_digest),
    )


def _guess(items: Items, group: Group) -> float | None:
    shares = [best_guess([items.rows[place] for place in np.flatnonzero(mask)]) for mask in items.groups[group]]
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if len(known) == len(shares) else None


def _examples(asked: list[dict]) -> tuple[float, int]:
    shots = [row["shots"] for row in asked]
    return float(np.mean(shots)), min(shots)


def _models(answers: RunAnswers) -> list[ModelFindings]:
    inventory, first = answers.inventory, answers.models[0]
    tables = comparable_tables(inventory, {model.name: model.model_digest for model in answers.models})
    trainings = [training_of(inventory, model.model_digest) for model in answers.models]
    short, held_out = _short_names(answers.models), answers.held_out_items
    models: list[ModelFindings] = []
    for model, training in zip(answers.models, trainings, strict=True):
        by_measure = {measure: _answers(answers, model, measure) for measure in answers.measures}
        gap = by_measure["chosen"].gap[ALL].total.value
        gap_of_first = models[0].gap.total.value if models else 0.0
        models.append(
            ModelFindings(
                name=model.name,
                label=label(model.name),
                short=short.get(model.name, label(model.name)),
                answers=by_measure,
                held_out=accuracy(model.correct("speech", held_out)) if held_out else None,
                recovery=1 - gap / gap_of_first if model is not first and gap_of_first > 0 else None,
                measured=measured_gap(tables[model.name]) if tables else None,
                training=training,
                added_seconds=seconds_of_speech(added_speech(training, trainings[0])),
                answered_speech=len(model.scored("speech", answers.tasks)),
                answered_text=len(model.scored("text", answers.tasks)),
            )
        )
    return models


def _short_names(predictions: list[Predictions]) -> dict[str, str]:
    """Return the names of all models but the first, without the beginning that they share."""
    later = [answers.name for answers in predictions[1:]]
    return dict(zip(later, without_common_prefix(later), strict=True))


def _answers(answers: RunAnswers, model: Predictions, measure: str) -> Answers:
    items = answers.items
    speech, text = (_accuracies(model, modality, measure, items) for modality in ("speech", "text"))
    gap = {group: _gap_split(answers, model, measure, group) for group in items.compared()}
    return Answers(speech, text, gap)


def _accuracies(model: Predictions, modality: str, measure: str, items: Items) -> dict[Group, Estimate]:
    right = model.correct(modality, items.keys, MEASURES[measure])
    return {group: stratified_accuracy([right[mask] for mask in masks]) for group, masks in items.groups.items()}


def _by_subject(of_groups: dict[Group, Estimate]) -> dict[str, Estimate]:
    return {group.name: found for group, found in of_groups.items() if group.split == DOMAIN}


def _gap_split(answers: RunAnswers, model: Predictions, measure: str, group: Group) -> GapSplit:
    teacher_on_text = answers.right(answers.teacher, "text", measure, group)
    on_text, on_speech = (answers.right(model, modality, measure, group) for modality in ("text", "speech"))
    pairs = ((teacher_on_text, on_speech), (teacher_on_text, on_text), (on_text, on_speech))
    return GapSplit(*(stratified_mean(points(first, second)) for first, second in pairs))
