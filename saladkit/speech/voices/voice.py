"""Voices: text in, samples and word times out. `open_voice` opens one by name.

Engines are classes in the entry point group `saladkit.voices`, of this package or any other installed package.
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
    """An engine failed on a text that it should be able to speak; another attempt may succeed."""


class VoiceGaveUp(VoiceFailed):
    """An engine failed and would fail again; no further attempt is made."""


@dataclass(frozen=True)
class Utterance:
    """One spoken text.

    `samples`: float32 [n], mono, in [-1, 1], at `sample_rate` Hz.
    `words`: the words of the text (`words_of_text`), in order, with times in s, all None if the engine reports none.
    """

    samples: np.ndarray
    sample_rate: int
    words: list[Word]


class Voice(Protocol):
    """A text-to-speech voice. Its class takes the description after the engine's name, and the `device` to run on.

    Attributes:
        name: the name given to `open_voice`.
        speaker: the part of the name that says who speaks, without rate, speed or noise.
        language: a code such as "en-us"; None if unknown.
        identity: what the samples depend on beyond the name, such as digests of files.
    """

    name: str
    speaker: str
    language: str | None
    identity: dict[str, str]

    def narrowed(self, draws: random.Random) -> "Voice":
        """Return a voice with a value drawn from every range in this voice's name (speaker, rate...).

        Its name states the values. Both voices share the loaded model; a voice without ranges may return itself.
        """
        ...

    def speak(self, text: str) -> Utterance:
        """Speak `text`; equal voices and texts give equal samples, whatever was spoken before.

        Raises:
            SaladError: there is nothing to speak in `text`.
            VoiceFailed: the engine failed.
        """
        ...


def unread_by(voice: Voice, text: str) -> tuple[str, str] | None:
    """Return a word of `text` that the voice cannot say, with its script; None if the voice does not know of any.

    A voice says so by its own method `unread`, which it may lack.
    """
    unread = getattr(voice, "unread", None)
    return unread(text) if unread else None


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
