"""Aligners: speech and its text in, the times of the words out. `open_aligner` opens one by name."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.machine import resolve_device
from saladkit.speech.engines import engine_class
from saladkit.speech.normalizing.spoken_form import spoken_form


@dataclass(frozen=True)
class Recording:
    """Speech and its text. `samples`: float32 [n], mono, in [-1, 1], at `sample_rate` Hz."""

    samples: np.ndarray
    sample_rate: int
    text: str


@dataclass(frozen=True)
class Alignment:
    """The words of a text (`split_words`) with their times in seconds.

    A word without a letter or digit, or that the aligner cannot place, has neither start nor end. `score` says how well
    the text fits the audio, in [0, 1]; None if no score was asked for.
    """

    words: list[Word]
    score: float | None


class Aligner(Protocol):
    """A forced aligner.

    Attributes:
        name: the name given to `open_aligner`.
        model: folder or Hub name that the model was read from; None if the model comes with the engine's package.
        identity: what the times depend on beyond name and model.
        one_core: whether the aligner uses one core alone, so that several processes may share the work.
    """

    name: str
    model: str | None
    identity: dict
    one_core: bool

    def align(self, recordings: list[Recording]) -> list[Alignment | SaladError]:
        """Return each recording's words with their times, or the error that explains why its text cannot be found.

        The times of a recording do not depend on the recordings aligned with it or before it.
        """
        ...


def align_spoken_forms(
    aligner: Aligner, recordings: list[Recording], language: str | None
) -> list[Alignment | SaladError]:
    """Align texts by their spoken form in `language`; otherwise as `Aligner.align`.

    This lets an aligner that knows only letters align "1984", and an aligner with a dictionary align "Dr.".
    `spoken_form` says what `language` does, and `SpokenForm` which words share a time.
    """
    forms = [spoken_form(recording.text, language) for recording in recordings]
    spoken = [replace(recording, text=form.text) for recording, form in zip(recordings, forms, strict=True)]
    found = zip(recordings, forms, aligner.align(spoken), strict=True)
    return [
        alignment
        if isinstance(alignment, SaladError)
        else replace(alignment, words=form.source_words(recording.text, alignment.words))
        for recording, form, alignment in found
    ]


def align_one(
    aligner: Aligner, samples: np.ndarray, sample_rate: int, text: str, language: str | None = None
) -> list[Word]:
    """Return the words of one recording with their times in s, aligned by their spoken form in `language`.

    Raises:
        SaladError: the text cannot be found in the audio.
    """
    (found,) = align_spoken_forms(aligner, [Recording(samples, sample_rate, text)], language)
    if isinstance(found, SaladError):
        raise found
    return found.words


# engine: (module, class, whether it is a network, whose name follows the colon); the extra has the engine's name
_ENGINES = {
    "ctc": ("saladkit.speech.aligners.ctc", "CtcAligner", True),
    "sphinx": ("saladkit.speech.aligners.sphinx", "SphinxAligner", False),
}


def open_aligner(name: str, *, device: str = "cpu", scored: bool = True) -> Aligner:
    """Open an aligner: "ctc:MODEL" (a Hugging Face CTC model) or "sphinx" (PocketSphinx, English).

    Args:
        device: where a CTC model runs ("auto": the best device). PocketSphinx runs on the CPU, without torch.
        scored: compute scores even if they take extra time, as with PocketSphinx.

    Raises:
        SaladError: there is no such engine, model or device, or the engine's extra is not installed.
    """
    engine, colon, description = name.partition(":")
    if engine not in _ENGINES or bool(colon and description) != _ENGINES[engine][2]:
        raise SaladError(
            f"{name!r} names no aligner", "Write ctc:MODEL, such as ctc:facebook/wav2vec2-base-960h, or sphinx."
        )
    module_name, class_name, network = _ENGINES[engine]
    device = resolve_device(device) if network else "cpu"
    opened = engine_class(module_name, class_name, needed_by=f"the aligner {name!r}", extra=engine)
    return opened(description, device=device, scored=scored)
