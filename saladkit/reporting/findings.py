"""The numbers of a run, computed once: the page, its charts, the summary and the terminal show the same numbers."""

from dataclasses import dataclass

import numpy as np

from saladkit.reporting.gap_tables import MeasuredGap, comparable_tables, measured_gap
from saladkit.reporting.inventory import Inventory, Step
from saladkit.reporting.predictions import Key, Predictions, common_tasks, paired_items, way_of
from saladkit.reporting.provenance import Training, added_speech, seconds_of_speech, training_of
from saladkit.reporting.region_gaps import RegionGaps, region_gaps
from saladkit.reporting.result_names import contrast_key, label, without_common_prefix
from saladkit.scoring.statistics import Estimate, accuracy, bootstrap_mean


@dataclass(frozen=True)
class GapSplit:
    """Accuracy of the text LLM on text input minus that of the adapted model on speech input, in points."""

    total: Estimate
    forgetting: Estimate  # the text LLM on text - the adapted model on text
    misalignment: Estimate  # the adapted model on text - the adapted model on speech


@dataclass(frozen=True)
class Subject:
    """A domain of the questions: heard if the natural speech of the training is about it, else unheard."""

    name: str
    heard: bool
    items: int


@dataclass(frozen=True)
class ModelFindings:
    """One speech-adapted model. Accuracies are fractions; a group without items is None."""

    name: str
    label: str
    short: str  # the label for narrow places
    speech: Estimate
    heard: Estimate | None
    unheard: Estimate | None
    held_out: Estimate
    text: Estimate
    by_subject: dict[str, Estimate]
    gap: GapSplit
    gap_unheard: GapSplit | None
    recovery: float | None  # share of the first model's gap that is closed; None for the first model and without a gap
    measured: MeasuredGap | None  # None if not every model has a gap table
    training: Training | None
    added_seconds: float | None  # of training speech that the first model was not trained on
    answered_speech: int  # items that the model has a score for, paired or not
    answered_text: int


@dataclass(frozen=True)
class TextFindings:
    """The text LLM on text input."""

    all: Estimate
    heard: Estimate | None
    unheard: Estimate | None
    by_subject: dict[str, Estimate]
    answered: int  # items that it has a score for, paired or not


@dataclass(frozen=True)
class Contrast:
    """Accuracy on speech input on unheard subjects, in points: the first model minus the second."""

    first: str
    second: str
    points: Estimate | None  # None without unheard subjects


@dataclass(frozen=True)
class Findings:
    """Every number of the report. Accuracies and differences are over the same items, `items` (`comparable_items`)."""

    tasks: list[str]
    items: list[Key]
    examples: tuple[float, int]  # few-shot examples before an item: mean and least
    held_out: str
    ways: set[str]  # how items were answered: `way_of` of each
    chance: float | None  # accuracy of guessing; None if a question is open
    subjects: list[Subject]
    teacher: TextFindings
    models: list[ModelFindings]
    contrasts: dict[str, Contrast]
    main_contrast: str | None  # key of the contrast that --contrast names
    regions: RegionGaps | None
    steps: list[Step]

    @property
    def measured(self) -> list[MeasuredGap]:
        """The measured gap of every model; empty if a model has none."""
        return [model.measured for model in self.models if model.measured]

    def model(self, name: str) -> ModelFindings:
        """Return the findings of one result."""
        return next(model for model in self.models if model.name == name)


@dataclass(frozen=True)
class Items:
    """The items by which all models are compared, and the kind of subject of each."""

    keys: list[Key]
    subject: np.ndarray  # name of each item's domain
    heard: np.ndarray  # bool; false for an item without a domain
    unheard: np.ndarray

    @classmethod
    def of(cls, keys: list[Key], teacher: Predictions, heard_domains: set[str]) -> "Items":
        """Find the subjects of these items."""
        domains = [teacher.rows["text"][key]["domain"] for key in keys]
        heard = np.array([domain in heard_domains for domain in domains])
        unheard = np.array([domain is not None and domain not in heard_domains for domain in domains])
        return cls(keys, np.array([domain or "" for domain in domains]), heard, unheard)

    def subjects(self) -> list[Subject]:
        """Return the subjects, sorted by name."""
        names = sorted(set(self.subject[self.heard | self.unheard]))
        return [Subject(str(n), bool(self.heard[self.subject == n][0]), int((self.subject == n).sum())) for n in names]


def compute_findings(
    inventory: Inventory,
    teacher: Predictions,
    predictions: list[Predictions],
    contrast: tuple[str, str] | None,
    heard_domains: set[str],
    held_out: str,
) -> Findings:
    """Compute every number of the run; differences are paired by item.

    Args:
        inventory: the artefacts of the run.
        teacher: the text LLM's predictions.
        predictions: of every speech-adapted model; the others are compared with the first.
        contrast: names of two models, for the main comparison.
        heard_domains: the domains of the natural speech.
        held_out: the task with a voice that no model was trained on.

    Raises:
        SaladError: as `paired_items`, or the gap tables of the models cannot be compared.
    """
    tasks = common_tasks(teacher, held_out)
    conditions = [(answers, modality) for answers in predictions for modality in ("text", "speech")]
    items = Items.of(paired_items([(teacher, "text"), *conditions], tasks), teacher, heard_domains)
    held_out_items = paired_items([(answers, "speech") for answers in predictions], {held_out})
    asked = [teacher.rows["text"][key] for key in items.keys]
    main = contrast_key(*contrast) if contrast else None
    chosen = {main: contrast} if main and contrast else {}
    return Findings(
        tasks=sorted(tasks),
        items=items.keys,
        examples=_examples(asked),
        held_out=held_out,
        ways={way_of(row) for row in asked},
        chance=_chance(asked),
        subjects=items.subjects(),
        teacher=_text_findings(teacher, items, tasks),
        models=_models(inventory, teacher, predictions, items, held_out_items, tasks),
        contrasts=_contrasts(predictions, chosen, items),
        main_contrast=main,
        regions=region_gaps(inventory, predictions[0].model_digest),
        steps=inventory.steps(),
    )


def _chance(asked: list[dict]) -> float | None:
    """Return the accuracy of guessing; None if a question is open."""
    return float(np.mean([1 / len(row["choices"]) for row in asked])) if all(row["choices"] for row in asked) else None


def _examples(asked: list[dict]) -> tuple[float, int]:
    shots = [row["shots"] for row in asked]
    return float(np.mean(shots)), min(shots)


def _text_findings(teacher: Predictions, items: Items, tasks: set[str]) -> TextFindings:
    correct = teacher.correct("text", items.keys)
    heard, unheard = (_accuracy(correct[of]) for of in (items.heard, items.unheard))
    answered = len(teacher.scored("text", tasks))
    return TextFindings(accuracy(correct), heard, unheard, _by_subject(correct, items), answered)


def _models(
    inventory: Inventory,
    teacher: Predictions,
    predictions: list[Predictions],
    items: Items,
    held_out_items: list[Key],
    tasks: set[str],
) -> list[ModelFindings]:
    tables = comparable_tables(inventory, {answers.name: answers.model_digest for answers in predictions})
    trainings = [training_of(inventory, answers.model_digest) for answers in predictions]
    short = _short_names(predictions)
    teacher_on_text = teacher.correct("text", items.keys)
    models: list[ModelFindings] = []
    for answers, training in zip(predictions, trainings, strict=True):
        on_speech, on_text = answers.correct("speech", items.keys), answers.correct("text", items.keys)
        gap = _gap_split(teacher_on_text, on_text, on_speech)
        unheard = [correct[items.unheard] for correct in (teacher_on_text, on_text, on_speech)]
        gap_of_first = models[0].gap.total.value if models else 0.0
        models.append(
            ModelFindings(
                name=answers.name,
                label=label(answers.name),
                short=short.get(answers.name, label(answers.name)),
                speech=accuracy(on_speech),
                heard=_accuracy(on_speech[items.heard]),
                unheard=_accuracy(on_speech[items.unheard]),
                held_out=accuracy(answers.correct("speech", held_out_items)),
                text=accuracy(on_text),
                by_subject=_by_subject(on_speech, items),
                gap=gap,
                gap_unheard=_gap_split(*unheard) if items.unheard.any() else None,
                recovery=1 - gap.total.value / gap_of_first if gap_of_first > 0 else None,
                measured=measured_gap(tables[answers.name]) if tables else None,
                training=training,
                added_seconds=seconds_of_speech(added_speech(training, trainings[0])),
                answered_speech=len(answers.scored("speech", tasks)),
                answered_text=len(answers.scored("text", tasks)),
            )
        )
    return models


def _short_names(predictions: list[Predictions]) -> dict[str, str]:
    """Return the names of all models but the first, without the beginning that they share."""
    later = [answers.name for answers in predictions[1:]]
    return dict(zip(later, without_common_prefix(later), strict=True))


def _contrasts(predictions: list[Predictions], chosen: dict[str, tuple[str, str]], items: Items) -> dict[str, Contrast]:
    """Return the differences of the chosen pairs of models, and of each later model minus the first."""
    first = predictions[0].name
    pairs = chosen | {f"{short}_minus_{first}": (name, first) for name, short in _short_names(predictions).items()}
    on_unheard = {of.name: 100 * of.correct("speech", items.keys)[items.unheard] for of in predictions}
    return {key: Contrast(a, b, _mean(on_unheard[a] - on_unheard[b])) for key, (a, b) in pairs.items()}


def _mean(values: np.ndarray) -> Estimate | None:
    return bootstrap_mean(values) if len(values) else None


def _accuracy(correct: np.ndarray) -> Estimate | None:
    return accuracy(correct) if len(correct) else None


def _by_subject(correct: np.ndarray, items: Items) -> dict[str, Estimate]:
    return {subject.name: accuracy(correct[items.subject == subject.name]) for subject in items.subjects()}


def _gap_split(teacher_on_text: np.ndarray, on_text: np.ndarray, on_speech: np.ndarray) -> GapSplit:
    parts = (teacher_on_text - on_speech, teacher_on_text - on_text, on_text - on_speech)
    return GapSplit(*(bootstrap_mean(100 * part) for part in parts))
