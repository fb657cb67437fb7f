"""What a model was trained on, followed through the digests in the manifests."""

from dataclasses import dataclass

from saladkit.formats.checkpoint import SCHEMA as CHECKPOINT
from saladkit.formats.checkpoint import read_metrics
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.reporting.inventory import Found, Inventory


@dataclass(frozen=True)
class Training:
    """How a model came about, as far as the run's folder tells."""

    checkpoint: Found
    metrics: list[dict]  # the training log
    speech: list[Found]  # spoken samples that it was trained on

    @property
    def verb(self) -> str:
        """`distill` or `align`."""
        return self.checkpoint.manifest["verb"]


def training_of(inventory: Inventory, model_digest: str) -> Training | None:
    """The training that made a model; None if its checkpoint is not in the run's folder."""
    checkpoint = inventory.by_digest(CHECKPOINT, model_digest)
    if checkpoint is None:
        return None
    speech = [inventory.by_digest(SAMPLES, digest) for digest in checkpoint.reads_all("data")]
    return Training(checkpoint, read_metrics(checkpoint.path), [found for found in speech if found])


def added_speech(training: Training | None, base: Training | None) -> list[Found]:
    """The spoken samples of `training` that `base` had not heard."""
    if training is None or base is None:
        return []
    known = {found.digest for found in base.speech}
    return [found for found in training.speech if found.digest not in known]


def seconds_of_speech(spoken: list[Found]) -> float | None:
    """Seconds of all samples together; None where there are none, or one does not say."""
    seconds = [found.manifest["counts"].get("seconds_of_speech") for found in spoken]
    return sum(seconds) if seconds and None not in seconds else None


def selections_of(inventory: Inventory, spoken: list[Found]) -> list[Found]:
    """The selections that were spoken."""
    sources = [inventory.by_digest(SAMPLES, found.reads("samples")) for found in spoken]
    return [source for source in sources if source and source.manifest["verb"] == "select"]
