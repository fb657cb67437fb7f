"""The numbers of a run, computed once; the page, the summary, the picture and the terminal all show these."""

from dataclasses import dataclass

import numpy as np

from saladkit.reporting.gap_tables import comparable_tables, compared_figures
from saladkit.reporting.inventory import Inventory, Step
from saladkit.reporting.naming import contrast_key, label, without_common_prefix
from saladkit.reporting.outcomes import Key, Outcome, check_paired, common_tasks
from saladkit.reporting.provenance import Training, added_speech, seconds_of_speech, training_of
from saladkit.reporting.region_view import RegionView, region_view
from saladkit.scoring.statistics import Estimate, bootstrap_mean


@dataclass(frozen=True)
class GapSplit:
    """Accuracy of the text model reading, minus accuracy of the adapted model hearing the same items; in points."""

    total: Estimate
    forgetting: Estimate  # text model reading - adapted model reading
    misalignment: Estimate  # adapted model reading - adapted model hearing


@dataclass(frozen=True)
class Subject:
    """A domain of the questions."""

    name: str
    heard: bool  # natural speech speaks of it
    items: int


@dataclass(frozen=True)
class ModelFindings:
    """One speech-adapted model; accuracies are fractions, groups without items are None."""

    name: str
    label: str
    short: str  # the label where there is little room
    speech: Estimate
    heard: Estimate | None
    unheard: Estimate | None
    held_out: Estimate
    text: Estimate
    by_subject: dict[str, Estimate]
    gap: GapSplit
    gap_unheard: GapSplit | None
    recovery: float | None  # share of the first model's gap that is closed; None for the first, or without a gap
    misalignment: Estimate | None  # nats per text token
    forgetting: Estimate | None
    training: Training | None
    added_seconds: float | None  # speech that the first model was not trained on


@dataclass(frozen=True)
class TextFindings:
    """The text model, reading."""

    all: Estimate
    heard: Estimate | None
    unheard: Estimate | None
    by_subject: dict[str, Estimate]


@dataclass(frozen=True)
class Contrast:
    """Speech accuracy on unheard subjects, the first model minus the second, in points; None without such subjects."""

    first: str
    second: str
    points: Estimate | None


@dataclass(frozen=True)
class Findings:
    """Everything that the report says in numbers."""

    tasks: list[str]
    held_out: str
    chance: float  # accuracy of a guess
    subjects: list[Subject]
    teacher: TextFindings
    models: list[ModelFindings]
    contrasts: dict[str, Contrast]
    main_contrast: str | None  # key of the one that was asked for
    regions: RegionView | None
    steps: list[Step]

    def model(self, name: str) -> ModelFindings:
        """The findings of one result."""
        return next(model for model in self.models if model.name == name)


@dataclass(frozen=True)
class Items:
    """The items that all models share, and which of them are about what has been heard."""

    keys: list[Key]
    subject: np.ndarray  # name of each item's domain
    heard: np.ndarray  # bool; false for an item without a domain
    unheard: np.ndarray

    @classmethod
    def of(cls, teacher: Outcome, tasks: set[str], heard_domains: set[str]) -> "Items":
        """The text model's items."""
        keys = teacher.keys("text", tasks)
        domains = [teacher.rows["text"][key]["domain"] for key in keys]
        heard = np.array([domain in heard_domains for domain in domains])
        unheard = np.array([domain is not None and domain not in heard_domains for domain in domains])
        return cls(keys, np.array([domain or "" for domain in domains]), heard, unheard)

    def subjects(self) -> list[Subject]:
        """The subjects by name."""
        names = sorted(set(self.subject[self.heard | self.unheard]))
        return [Subject(str(n), bool(self.heard[self.subject == n][0]), int((self.subject == n).sum())) for n in names]


def compute_findings(
    inventory: Inventory,
    teacher: Outcome,
    outcomes: list[Outcome],
    contrast: tuple[str, str] | None,
    heard_domains: set[str],
    held_out: str,
) -> Findings:
    """All figures of the run; differences are paired by item.

    Args:
        outcomes: the first one is what the others are compared with.

    Raises:
        SaladError: items that do not pair, or gap tables that cannot be compared.
    """
    tasks = common_tasks(teacher, held_out)
    for outcome in outcomes:
        check_paired(teacher, outcome, ("text", "text"), tasks)
        check_paired(teacher, outcome, ("text", "speech"), tasks)
        check_paired(outcomes[0], outcome, ("speech", "speech"), {held_out})
    items = Items.of(teacher, tasks, heard_domains)
    read = teacher.correct("text", items.keys)
    tables = comparable_tables(inventory, {outcome.name: outcome.model_digest for outcome in outcomes})
    trainings = [training_of(inventory, outcome.model_digest) for outcome in outcomes]
    later = [outcome.name for outcome in outcomes[1:]]
    short = dict(zip(later, without_common_prefix(later), strict=True))
    models: list[ModelFindings] = []
    for outcome, training in zip(outcomes, trainings, strict=True):
        heard, text = outcome.correct("speech", items.keys), outcome.correct("text", items.keys)
        gap = _gap_split(read, text, heard)
        first = models[0].gap.total.value if models else 0.0
        figures = compared_figures(tables[outcome.name]) if tables else {}
        models.append(
            ModelFindings(
                name=outcome.name,
                label=label(outcome.name),
                short=label(outcome.name) if not models else short[outcome.name],
                speech=bootstrap_mean(heard),
                heard=_mean(heard[items.heard]),
                unheard=_mean(heard[items.unheard]),
                held_out=bootstrap_mean(outcome.correct("speech", outcome.keys("speech", {held_out}))),
                text=bootstrap_mean(text),
                by_subject=_by_subject(heard, items),
                gap=gap,
                gap_unheard=_gap_split(read, text, heard, items.unheard) if items.unheard.any() else None,
                recovery=1 - gap.total.value / first if first > 0 else None,
                misalignment=figures.get("misalignment"),
                forgetting=figures.get("forgetting"),
                training=training,
                added_seconds=seconds_of_speech(added_speech(training, trainings[0])),
            )
        )
    pairs = {f"{short[name]}_minus_{outcomes[0].name}": (name, outcomes[0].name) for name in later}
    main = contrast_key(*contrast) if contrast else None
    pairs = ({main: contrast} if contrast else {}) | pairs
    on_unheard = {o.name: 100 * o.correct("speech", items.keys)[items.unheard] for o in outcomes}
    contrasts = {key: Contrast(a, b, _mean(on_unheard[a] - on_unheard[b])) for key, (a, b) in pairs.items()}
    return Findings(
        tasks=sorted(tasks),
        held_out=held_out,
        chance=float(np.mean([1 / len(teacher.rows["text"][key]["choices"]) for key in items.keys])),
        subjects=items.subjects(),
        teacher=TextFindings(
            bootstrap_mean(read), _mean(read[items.heard]), _mean(read[items.unheard]), _by_subject(read, items)
        ),
        models=models,
        contrasts=contrasts,
        main_contrast=main,
        regions=region_view(inventory, outcomes[0].model_digest),
        steps=inventory.steps(),
    )


def _mean(values: np.ndarray) -> Estimate | None:
    return bootstrap_mean(values) if len(values) else None


def _by_subject(correct: np.ndarray, items: Items) -> dict[str, Estimate]:
    return {subject.name: bootstrap_mean(correct[items.subject == subject.name]) for subject in items.subjects()}


def _gap_split(read: np.ndarray, text: np.ndarray, heard: np.ndarray, of: np.ndarray | slice = slice(None)) -> GapSplit:
    parts = (read - heard, read - text, text - heard)
    return GapSplit(*(bootstrap_mean(100 * part[of]) for part in parts))
