"""Phonemes of a recorded text with their times: espeak-ng's own, stretched to the word times of the recording."""

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.engines import engine_class

SILENCE = "_"
_MARKS = re.compile(r"^[',%=|]+|[#2^\-]+$")  # espeak-ng's stress before a phoneme, its reduced variants behind


@dataclass(frozen=True)
class TimedPhoneme:
    """A phoneme, or SILENCE, that lasts until the next one starts, `start` seconds into the recording."""

    name: str
    start: float


class Phonemizer(Protocol):
    """Says which phonemes a spoken text has, and when."""

    def phonemes(self, words: list[Word]) -> list[TimedPhoneme]:
        """Return the phonemes from the first to the last known word time in ascending order, at last a SILENCE.

        Args:
            words: the words of a text with their times in a recording. If fewer than two times are known, or nothing
                is spoken, there are no phonemes.
        """
        ...


class EspeakPhonemizer:
    """Phonemes of any language that espeak-ng speaks.

    espeak-ng speaks the text, and its own times of the phonemes are stretched, between words whose times are known in
    both, to the recording's. How often they are right in recordings of other voices, whose phonemes are known, is what
    tests/speech/test_phonemes.py checks.
    """

    def __init__(self, language: str):
        """Load the voice of a language (`en-us`).

        Raises:
            SaladError: espeak-ng is not installed, or has no such voice.
        """
        module, needed_by = "saladkit.speech.voices.espeak", "the phoneme loss"
        self._voice = engine_class(module, "EspeakVoice", needed_by=needed_by, extra="espeak")(language)

    def phonemes(self, words: list[Word]) -> list[TimedPhoneme]:
        """As `Phonemizer.phonemes`."""
        words = [word for word in words if word.word]  # in conversations, text between words has none
        try:
            spoken, own = self._voice.timed_phonemes(" ".join(word.word for word in words))
        except SaladError:  # nothing to speak
            return []
        return stretched([(bare_name(name), start) for name, start in spoken], own, words)


def bare_name(name: str) -> str:
    """Return espeak-ng's name of a phoneme without stress and reduction; SILENCE for pauses, "" for mere marks."""
    bare = _MARKS.sub("", name)
    return SILENCE if bare.startswith("_") else bare.strip(":;") and bare


def stretched(spoken: list[tuple[str, float]], own: list[Word], words: list[Word]) -> list[TimedPhoneme]:
    """Move phonemes from one speaker's times to another's, linearly between the word times that both have.

    Args:
        spoken: names and starts of one speaker, ascending; a name of "" prolongs the phoneme before it.
        own, words: the same words with the times of this speaker, and with those of the recording.
    """
    if len(own) != len(words):
        return []
    pairs = [(a.start, b.start) for a, b in zip(own, words, strict=True)] + [(own[-1].end, words[-1].end)]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(known) < 2:
        return []
    theirs, ours = (np.array(times) for times in zip(*known, strict=True))
    inside = [(name, start) for name, start in spoken if name and theirs[0] <= start < theirs[-1]]
    moved = [TimedPhoneme(name, float(np.interp(start, theirs, ours))) for name, start in inside]
    return [*moved, TimedPhoneme(SILENCE, float(ours[-1]))] if moved else []
