"""What a voice is: text in, samples and word times out. `open_voice` finds it by name."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.engines import engine_class


@dataclass(frozen=True)
class Utterance:
    """One spoken text.

    `samples`: float32 [n], mono, in [-1, 1], at `sample_rate` Hz.
    `words`: the whitespace words of the text, in order, with times in seconds.
    """

    samples: np.ndarray
    sample_rate: int
    words: list[Word]


class Voice(Protocol):
    """A text-to-speech voice; `name` is what `open_voice` was given."""

    name: str

    def speak(self, text: str) -> Utterance:
        """Speak `text`. Raises SaladError if the voice finds nothing in it to speak."""
        ...


# engine: (module, class); the extra of the package bears the engine's name
_ENGINES = {
    "espeak": ("saladkit.speech.voices.espeak", "EspeakVoice"),
    "piper": ("saladkit.speech.voices.piper", "PiperVoice"),
}


def open_voice(name: str) -> Voice:
    """Open a voice such as "espeak:en-us+f3@160" or "piper:voices/lessac.onnx#3".

    Raises SaladError for an engine or a voice that does not exist, and for an engine whose extra
    is not installed.
    """
    engine, colon, description = name.partition(":")
    if engine not in _ENGINES or not colon:
        raise SaladError(
            f"{name!r} names no known text-to-speech engine.",
            "Write ENGINE:VOICE with one of these engines: " + ", ".join(_ENGINES) + ".",
        )
    module_name, class_name = _ENGINES[engine]
    opened = engine_class(module_name, class_name, needed_by=f"The voice {name!r}", extra=engine)
    return opened(description)
