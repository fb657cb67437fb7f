"""Conditions of an evaluation: which model answers, and in which modality the questions are given."""

from dataclasses import dataclass

from saladkit.formats.results import ORIGINAL, file_name
from saladkit.speech.audio.perturbation import Perturbation


@dataclass(frozen=True)
class Condition:
    """One model with questions in one modality: text, speech or cascade; recordings may be perturbed."""

    model: str
    modality: str
    perturbation: Perturbation | None = None

    @property
    def modality_name(self) -> str:
        """The modality with the perturbation of its recordings, such as `speech_snr10`."""
        return self.modality if self.perturbation is None else f"{self.modality}_{self.perturbation.name}"

    @property
    def name(self) -> str:
        """The condition's name among figures, such as `stage1 speech_snr10`."""
        return f"{self.model} {self.modality_name}"

    @property
    def needs_speech(self) -> bool:
        """Whether questions need recordings."""
        return self.modality != "text"

    def file(self, what: str, task: str) -> str:
        """Return the path in the artefact of one file of a task, without its suffix.

        Args:
            what: how the file name begins: `predictions-`, `samples_` or `transcripts-`.
        """
        return f"{file_name(self.model)}/{what}{file_name(task)}_{self.modality_name}"


def conditions_of(
    models: list[str], *, original: bool, modalities: tuple[str, ...], perturbations: list[Perturbation]
) -> list[Condition]:
    """Return all conditions of one evaluation.

    Args:
        models: names of the speech-adapted models, which are given questions as text and as speech.
        original: whether the original text LLM is given questions as text.
        modalities: some of text, speech and cascade; in a cascade the original text LLM is given transcripts.
        perturbations: every condition with recordings is repeated under each of them.
    """
    found = [Condition(ORIGINAL, "text")] if original else []
    if "cascade" in modalities:
        found += [Condition(ORIGINAL, "cascade", how) for how in (None, *perturbations)]
    for model in models:
        found += [Condition(model, "text")] if "text" in modalities else []
        found += [Condition(model, "speech", how) for how in (None, *perturbations)] if "speech" in modalities else []
    return found
