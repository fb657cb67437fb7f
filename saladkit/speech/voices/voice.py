"""Voices: text in, samples and word times out. `open_voice` finds one by name.

An engine is a class that the entry point group `saladkit.voices` names, of this package or of any other that is
installed.
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
    """An engine failed on a text that it should be able to speak: another attempt may succeed."""


class VoiceGaveUp(VoiceFailed):
    """An engine failed and will fail again: no further attempt is made."""


@dataclass(frozen=True)
class Utterance:
    """One spoken text.

    `samples`: float32 [n], mono, in [-1, 1], at `sample_rate` Hz.
    `words`: the text's `split()`, in order, with times in s; an engine that reports no times leaves all of them None.
    """

    samples: np.ndarray
    sample_rate: int
    words: list[Word]


class Voice(Protocol):
    """A text-to-speech voice; its class is given what follows the engine's name, and the `device` to run on.

    Attributes:
        name: what `open_voice` was given.
        speaker: the part of the name that says who speaks, without rate, speed or noise.
        language: a code such as "en-us"; None if the engine does not tell.
        identity: what the samples depend on beyond the name, such as digests of files.
    """

    name: str
    speaker: str
    language: str | None
    identity: dict[str, str]

    def narrowed(self, draws: random.Random) -> "Voice":
        """Return this voice with a value drawn for every range in its name (speaker, rate...), stated by its new name.

        Without a range it returns itself. Both share the loaded model.
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

    Args:
        device: where neural voices run: "cuda", "cpu", or "auto", a GPU if the engine's runtime supports one.

    Raises:
        SaladError: there is no such engine or voice, or the engine's extra is not installed.
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
