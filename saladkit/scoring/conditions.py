"""Who answers, and how it is asked."""

from dataclasses import dataclass

from saladkit.formats.results import ORIGINAL, file_name
from saladkit.speech.audio.perturbation import Perturbation

MODALITIES = ("text", "speech", "cascade")


@dataclass(frozen=True)
class Condition:
    """One model asked in one way; `modality` is one of `MODALITIES`."""

    model: str
    modality: str
    perturbation: Perturbation | None = None

    @property
    def asked(self) -> str:
        """The modality, with what was done to the recordings: `speech_snr10`."""
        return self.modality if self.perturbation is None else f"{self.modality}_{self.perturbation.name}"

    @property
    def name(self) -> str:
        """What figures call it: `stage1 speech_snr10`."""
        return f"{self.model} {self.asked}"

    @property
    def listens(self) -> bool:
        """Whether recordings are needed."""
        return self.modality != "text"

    def file(self, what: str, task: str) -> str:
        """Where its predictions, samples or transcripts of a task stand, without the suffix."""
        return f"{file_name(self.model)}/{what}{file_name(task)}_{self.asked}"


def conditions_of(
    models: list[str], *, original: bool, modalities: tuple[str, ...], perturbations: list[Perturbation]
) -> list[Condition]:
    """Every condition of one call: the original text LLM reads, its speech-adapted models do what is asked."""
    found = [Condition(ORIGINAL, "text")] if original else []
    if "cascade" in modalities:
        found += [Condition(ORIGINAL, "cascade", how) for how in (None, *perturbations)]
    for model in models:
        found += [Condition(model, "text")] if "text" in modalities else []
        found += [Condition(model, "speech", how) for how in (None, *perturbations)] if "speech" in modalities else []
    return found
