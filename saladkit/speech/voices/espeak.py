"""Voices of espeak-ng, run in this process: formant synthesis that reports when each word begins.

Equal texts and voices give equal samples, whatever was spoken before; see `espeak_library`.
"""

import random
import re
from bisect import bisect_right
from copy import copy
from importlib.metadata import version

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word, split_words, words_of_text
from saladkit.speech.voices.espeak_library import (
    Synthesis,
    check_variant,
    find_voice_file,
    fresh_library,
    set_voice,
    synthesize,
)
from saladkit.speech.voices.espeak_scripts import unread_word
from saladkit.speech.voices.harmful_characters import HARMFUL_TO_SPACE
from saladkit.speech.voices.ranges import Range
from saladkit.speech.voices.voice import Utterance

_DEFAULT_RATE = "175"
# The limits of espeak-ng. Above 450 espeak-ng speeds up the samples after noting the word events.
_RATES = (80, 450)


class EspeakVoice:
    """`VOICE[+VARIANT][@RATE]`, e.g. "en-us", "en-gb+m3", "en-us+f2@160", "en-us@150..200".

    VOICE is a language code or a voice file of espeak-ng, and VARIANT a file of its folder `voices/!v`. RATE is 80 to
    450 words per minute (175 by default), or a range.

    Raises:
        SaladError: the voice or the variant does not exist, or the rate is out of bounds.
    """

    engine = "espeak"

    def __init__(self, description: str, *, device: str = "cpu"):
        self.name = f"{self.engine}:{description}"
        self.speaker = self.name.partition("@")[0]
        parts = re.fullmatch(r"([^+@]+)(?:\+([^@]+))?(?:@(\d+(?:\.\.\d+)?))?", description)
        if not parts:
            raise SaladError(
                f"{self.name!r} does not describe an espeak-ng voice",
                f"Write {self.engine}:VOICE[+VARIANT][@RATE], such as {self.engine}:en-us+f3@160.",
            )
        voice, variant, rate = parts.groups()
        self._rate = Range.parse(rate or _DEFAULT_RATE, within=_RATES, what="words per minute")
        self._voice_file = find_voice_file(voice)
        self.language = voice.lower() if "/" not in voice else self._voice_file.rpartition("/")[2].lower()
        self.identity = {"espeakng-loader": version("espeakng-loader")}
        if variant:
            check_variant(variant)
            self._voice_file += f"+{variant}"

    def narrowed(self, draws: random.Random) -> "EspeakVoice":
        """Return this voice with one rate, a whole number drawn from the range in its name."""
        if self._rate.is_one:
            return self
        voice = copy(self)
        voice._rate = self._rate.draw_whole(draws)
        voice.name = f"{self.speaker}@{voice._rate}"
        return voice

    def unread(self, text: str) -> tuple[str, str] | None:
        """Return a word of `text` that espeak-ng does not read, with its script."""
        return unread_word(text, self.language)

    def speak(self, text: str) -> Utterance:
        """Speak `text`, at 22050 Hz for nearly every voice.

        A word starts at the first event that espeak-ng reports inside it: 11 ms before the first sound after a pause,
        measured with four variants. A word ends where the next timed word starts, so that a pause belongs to the word
        before; the last word ends at the last nonzero sample (espeak-ng adds up to 7 ms of zeros). A word that
        espeak-ng joins to the word before ("of the", "in the", "most of") has no event and therefore no times: 3.9 % of
        3182 words of English prose.

        Raises:
            SaladError: espeak-ng finds no word in `text`.
        """
        made, sample_rate = self._synthesized(text)
        samples = made.samples.astype(np.float32) / 32768
        return Utterance(samples, sample_rate, timed_words(text, made, sample_rate))

    def timed_phonemes(self, text: str) -> tuple[list[tuple[str, float]], list[Word]]:
        """Return espeak-ng's names of the phonemes of `text`, each with where it begins in s, and the timed words.

        Raises:
            SaladError: as `speak`.
        """
        made, sample_rate = self._synthesized(text, phonemes=True)
        begun = [(name, sample / sample_rate) for name, sample in made.phonemes]
        return begun, timed_words(text, made, sample_rate)

    def _synthesized(self, text: str, *, phonemes: bool = False) -> tuple[Synthesis, int]:
        """Speak `text`; return what espeak-ng reports, and its sample rate."""
        with fresh_library(phonemes=phonemes) as library:
            if not set_voice(library, self._voice_file, round(self._rate.low)):
                raise SaladError(
                    f"espeak-ng cannot load the voice {self.name!r}",
                    "Use another voice, such as espeak:en-us.",
                )
            made = synthesize(library, text.translate(HARMFUL_TO_SPACE))
            sample_rate = library.espeak_ng_GetSampleRate()
        if not made.words or not made.samples.any():
            raise SaladError(
                f"espeak-ng finds nothing to speak in {text[:80]!r}",
                "Remove texts without letters or digits.",
            )
        return made, sample_rate


def timed_words(text: str, made: Synthesis, sample_rate: int) -> list[Word]:
    """Return the words of `text` with their times in s; a word that espeak-ng joins to the one before has none."""
    starts = _first_events(split_words(text), made.words)
    return _words_with_times(text, starts, int(np.flatnonzero(made.samples)[-1]) + 1, sample_rate)


def _first_events(spans: list[tuple[str, int, int]], events: list[tuple[int, int]]) -> list[int | None]:
    """Return for each word the sample of the first event inside it, or None.

    Further events of a word (digit groups, hyphens, "e.g.") and events that point back are ignored. Two kinds of event
    do not point into their word: the event of "now" in "go - now" points at the hyphen, and the event of "dot" in
    "yes . no" points after the mark.
    """
    spoken = [index for index, (word, _, _) in enumerate(spans) if word.strip("-")]
    ends = [spans[index][2] for index in spoken]
    starts: list[int | None] = [None] * len(spans)
    last_timed = -1
    for position, sample in events:
        rank = bisect_right(ends, position)
        if rank and position == ends[rank - 1] and not _has_letters(spans[spoken[rank - 1]][0]):
            rank -= 1
        if last_timed < rank < len(spoken):
            starts[spoken[rank]] = sample
            last_timed = rank
    return starts


def _has_letters(word: str) -> bool:
    return any(character.isalnum() for character in word)


def _words_with_times(text: str, starts: list[int | None], speech_end: int, sample_rate: int) -> list[Word]:
    words: list[Word] = []
    next_start = speech_end
    for word, start in reversed(list(zip(words_of_text(text), starts, strict=True))):
        if start is None:
            words.append(Word(word, None, None))
        else:
            words.append(Word(word, start / sample_rate, next_start / sample_rate))
            next_start = start
    return words[::-1]
