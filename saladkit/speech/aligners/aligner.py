"""What an aligner is: speech and its text in, the times of the words out. `open_aligner` finds it by name."""

from typing import Protocol

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.engines import engine_class
from saladkit.speech.normalizing.spoken_form import spoken_form


class Aligner(Protocol):
    """A forced aligner.

    `name` is what `open_aligner` was given; `model` is the folder or Hub name that it was read from, None where the
    model comes with the engine's package; `identity` states what its times depend on beyond the two.
    """

    name: str
    model: str | None
    identity: dict

    def align(self, samples: np.ndarray, sample_rate: int, text: str) -> list[Word]:
        """The words of `text` (its `split()`) with their times in seconds.

        `samples`: float32 [n], mono, in [-1, 1], at `sample_rate` Hz. A word without a letter or digit, or one that
        the aligner cannot place, has neither start nor end. The same call gives the same words, whatever was aligned
        before. Raises SaladError if the text cannot be found in this audio at all.
        """
        ...


def align_spoken_form(
    aligner: Aligner, samples: np.ndarray, sample_rate: int, text: str, language: str | None
) -> list[Word]:
    """The words of `text` with their times in s, found by aligning how the text is spoken in `language`.

    So "1984" is placed by an aligner that knows letters alone, and "Dr." by one with a dictionary; engines need not
    know of it. `samples` are as for `Aligner.align`; what `language` does and which words share a time, see
    `SpokenForm`.

    Raises:
        SaladError: as `Aligner.align`.
    """
    spoken = spoken_form(text, language)
    return spoken.source_words(text, aligner.align(samples, sample_rate, spoken.text))


# engine: (module, class, whether a description follows the colon); the extra of the package bears the engine's name
_ENGINES = {
    "ctc": ("saladkit.speech.aligners.ctc", "CtcAligner", True),
    "sphinx": ("saladkit.speech.aligners.sphinx", "SphinxAligner", False),
}


def open_aligner(name: str, *, device: str = "cpu") -> Aligner:
    """Open an aligner: "ctc:MODEL" (a Hugging Face CTC model, run on `device`) or "sphinx" (English, always the CPU).

    Raises SaladError for an engine or a model that does not exist, and for an engine whose extra is not installed.
    """
    engine, colon, description = name.partition(":")
    if engine not in _ENGINES or bool(colon and description) != _ENGINES[engine][2]:
        raise SaladError(
            f"{name!r} names no aligner.", "Write ctc:MODEL, such as ctc:facebook/wav2vec2-base-960h, or sphinx."
        )
    module_name, class_name, _ = _ENGINES[engine]
    opened = engine_class(module_name, class_name, needed_by=f"The aligner {name!r}", extra=engine)
    return opened(description, device=device)
