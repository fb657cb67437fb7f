"""What a voice is: text in, samples and word times out. `open_voice` finds it by name.

An engine is a class in a file of its own, which the entry point group `saladkit.voices` names: of this package, or of
any other that is installed.
"""

import random
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.engines import engine_class

GROUP = "saladkit.voices"


class VoiceFailed(SaladError):
    """An engine failed on a text that may well be spoken: another try may succeed."""


class VoiceGaveUp(VoiceFailed):
    """It has been tried as often as makes sense, or will fail each time."""


@dataclass(frozen=True)
class Utterance:
    """One spoken text.

    `samples`: float32 [n], mono, in [-1, 1], at `sample_rate` Hz.
    `words`: the whitespace words of the text, in order, with times in seconds; None for all of them from an engine that
    reports no times.
    """

    samples: np.ndarray
    sample_rate: int
    words: list[Word]


class Voice(Protocol):
    """A text-to-speech voice, opened by its class with what follows the engine's name, and the `device` to run on.

    `name` is what `open_voice` was given; `speaker` the part of it that says who speaks, without rate and the like;
    `language` a code such as "en-us", None where the engine does not tell; `identity` states what its samples depend
    on beyond the name, such as digests of its files.
    """

    name: str
    speaker: str
    language: str | None
    identity: dict[str, str]

    def narrowed(self, draws: random.Random) -> "Voice":
        """This voice with a value drawn for every range in its name (speaker, rate...), which its new name states.

        Itself where there is nothing to draw. What is loaded is shared.
        """
        ...

    def speak(self, text: str) -> Utterance:
        """Speak `text`; the same voice and text give the same samples, whatever was spoken before.

        Raises:
            SaladError: there is nothing to speak in it.
            VoiceFailed: the engine failed.
        """
        ...


def open_voice(name: str, *, device: str = "cpu") -> Voice:
    """Open a voice such as "espeak:en-us+f3@160" or "piper:voices/lessac.onnx#3".

    Neural voices run on `device`: "cuda", "cpu", or "auto", a GPU where the engine's runtime has one.

    Raises SaladError for an engine or a voice that does not exist, and for an engine whose extra
    is not installed.
    """
    engine, colon, description = name.partition(":")
    engines = {point.name: point for point in entry_points(group=GROUP)}
    if engine not in engines or not colon:
        raise SaladError(
            f"{name!r} names no known text-to-speech engine",
            "Write ENGINE:VOICE with one of these engines: " + ", ".join(sorted(engines)) + ".",
        )
    point = engines[engine]
    opened = engine_class(point.module, point.attr, needed_by=f"the voice {name!r}", extra=engine)
    return opened(description, device=device)
