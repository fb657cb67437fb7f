"""The training data of each model, found through the digests in the manifests."""

from dataclasses import dataclass
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.checkpoint import SCHEMA as CHECKPOINT
from saladkit.formats.checkpoint import STAGES, read_metrics, read_metrics_so_far, verb_of_plan
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.reporting.inventory import Found, Inventory
from saladkit.sources.samples import read_samples


@dataclass(frozen=True)
class Training:
    """How a model was trained, as far as the run's folder records it."""

    checkpoint: Found
    metrics: list[dict]  # the training log
    speech: list[Found]  # the spoken samples of its training data

    @property
    def verb(self) -> str:
        """`distill`, `align` or `average`."""
        return self.checkpoint.manifest["verb"]


@dataclass(frozen=True)
class TrainingLog:
    """The training log of one model, complete or as far as it got."""

    label: str
    verb: str  # `distill` or `align`
    metrics: list[dict]


def logs_of_run(inventory: Inventory) -> list[TrainingLog]:
    """Return the training logs of all checkpoints of a run, those that are not finished too."""
    done = [
        TrainingLog(found.name, found.manifest["verb"], read_metrics(found.path))
        for found in inventory.of_schema(CHECKPOINT)
        if found.manifest["verb"] in STAGES
    ]
    begun = [
        TrainingLog(f"{other.name} so far", verb, metrics)
        for other in inventory.unusable
        if (verb := verb_of_plan(other.path)) in STAGES and (metrics := read_metrics_so_far(other.path))
    ]
    return done + begun


def training_of(inventory: Inventory, model_digest: str) -> Training | None:
    """Return how a model was trained; None if its checkpoint is not in the run's folder."""
    checkpoint = inventory.by_digest(CHECKPOINT, model_digest)
    if checkpoint is None:
        return None
    if checkpoint.manifest["verb"] == "average":  # has learned from the speech of all its checkpoints
        parts = [training_of(inventory, digest) for digest in checkpoint.reads_all("checkpoint")]
        heard = {found.digest: found for part in parts if part for found in part.speech}
        return Training(checkpoint, [], list(heard.values()))
    speech = [inventory.by_digest(SAMPLES, digest) for digest in checkpoint.reads_all("data")]
    return Training(checkpoint, read_metrics(checkpoint.path), [found for found in speech if found])


def added_speech(training: Training | None, base: Training | None) -> list[Found]:
    """Return the spoken samples of `training` that `base` lacks."""
    if training is None or base is None:
        return []
    known = {found.digest for found in base.speech}
    return [found for found in training.speech if found.digest not in known]


def seconds_of_speech(spoken: list[Found]) -> float | None:
    """Return the seconds of all samples together; None without samples, or where a manifest lacks the number."""
    seconds = [found.manifest["counts"].get("seconds_of_speech") for found in spoken]
    return sum(seconds) if seconds and None not in seconds else None


def selections_of(inventory: Inventory, spoken: list[Found]) -> list[Found]:
    """Return the selections whose texts these samples speak."""
    sources = [inventory.by_digest(SAMPLES, found.reads("samples")) for found in spoken]
    return [source for source in sources if source and source.manifest["verb"] == "select"]


def heard_domains(speech: Path) -> set[str]:
    """Read the domains of the natural speech: the heard subjects. All other domains are unheard subjects.

    Raises:
        SaladError: `speech` is not a samples artefact, or no row has a domain.
    """
    Artefact.open(speech, SAMPLES)
    table = read_samples(str(speech), needed=["id"], optional=["domain"])
    domains = set(table.column("domain").to_pylist()) - {None} if "domain" in table.column_names else set()
    if not domains:
        raise SaladError(f"{speech} names no domain in any row", "Give natural speech whose rows have a `domain`.")
    return domains
