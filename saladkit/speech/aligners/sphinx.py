"""Align English by PocketSphinx, on one core and without a download: the model comes with the package.

benchmarks/timestamps.py and benchmarks/timestamp_scores.py measure the accuracy of its word times, how well its scores
separate right texts from wrong ones, and its speed; docs/performance.md has the tables.
"""

import math
import random
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pocketsphinx

from saladkit.errors import SaladError
from saladkit.formats.words import Word, words_of_text
from saladkit.speech.aligners.aligner import Alignment, Recording
from saladkit.speech.aligners.pronunciation import espeak_pronunciations, read_dictionary
from saladkit.speech.sphinx_decoder import SAMPLE_RATE, decode_utterance, sphinx_samples

FRAMES_PER_SECOND = 100

# PocketSphinx's default beams (1e-48) lose the path in 5 of 18 sentences of a formant voice, and 1e-100 in 87 s of
# speech. 1e-300 lost none. Its times are equal to those without pruning, which takes five times as long on 87 s.
_BEAM = 1e-300
_PHONE_BEAM = 1e-40
_SETTINGS = {"lm": None, "dict": None, "samprate": SAMPLE_RATE, "loglevel": "FATAL"}


# A word without a known pronunciation gets 120 random pronunciations of 2 to 11 phones, so that its neighbours are
# still placed. With each word of 14 sentences taken as unknown in turn, its neighbours begin and end within 15 ms of
# their usual times (median), and nine of ten within 61 ms. With a noise phone in its place, these are 30 and 280 ms.
_UNKNOWN = 120
_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
_CONSONANTS = "P B T D K G F V TH DH S Z SH CH JH M N NG L R W Y HH".split()
# Bits by which PocketSphinx shifts the scores of its frames to the right.
_SHIFT = 10


class SphinxAligner:
    """An aligner by PocketSphinx's English model.

    Pronunciations come from CMUdict, or from espeak-ng for words that CMUdict lacks. A word that cannot be pronounced
    in English phones has no times.
    """

    name = "sphinx"
    model = None
    one_core = True

    def __init__(self, description: str = "", *, device: str = "cpu", scored: bool = True):
        self._dictionary = read_dictionary(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
        self._spoken_by_rule: dict[str, str | None] = {}
        self._scored = scored
        self.identity = {
            "pocketsphinx": version("pocketsphinx"),
            "model": "en-us",
            "beam": _BEAM,
            "espeakng-loader": _version_if_installed("espeakng-loader"),  # the pronunciation of rare words
        }

    def align(self, recordings: list[Recording]) -> list[Alignment | SaladError]:
        """As `Aligner.align`; times are multiples of 10 ms, and a pause between words belongs to neither.

        Words have no scores. The score of a text is the geometric mean, over the frames of its words, of the likelihood
        of the text divided by the likelihood of the best sequence of phones. Frames of pauses do not count, because
        pauses fit any text.

        A recording cannot be aligned if fewer than half of its words have a pronunciation, or if no path leads through
        its frames.
        """
        found: list[Alignment | SaladError] = []
        for recording in recordings:
            try:
                found.append(self._aligned(recording))
            except SaladError as error:
                found.append(error)
        return found

    def _aligned(self, recording: Recording) -> Alignment:
        words = words_of_text(recording.text)
        pronunciations = self._pronunciations(words)
        # A decoder keeps its selection of Gaussians from one utterance to the next, so that scores and times would
        # depend on the rows before. A new decoder without the dictionary of 130000 words takes 13 ms.
        decoder = pocketsphinx.Decoder(bestpath=False, beam=_BEAM, wbeam=_BEAM, pbeam=_BEAM, **_SETTINGS)
        for index, variants in pronunciations.items():
            for number, phones in enumerate(variants or _unknown_sounds(), start=1):
                decoder.add_word(f"{index}({number})" if number > 1 else f"{index}", phones, False)
        decoder.set_align_text(" ".join(map(str, pronunciations)))
        pcm = sphinx_samples(recording.samples, recording.sample_rate)
        segments = _decoded(decoder, pcm)
        found = {
            int(segment.word.partition("(")[0]): (segment.start_frame, segment.end_frame + 1)
            for segment in segments
            if segment.word[0].isdigit()
        }
        if found.keys() != pronunciations.keys():
            raise SaladError(
                f"PocketSphinx finds no way through {len(pcm) / SAMPLE_RATE:.2f} s of audio for {len(words)} words",
                "Check that the text is what is spoken, and that the audio is whole.",
            )
        timed = [
            Word(word, found[index][0] / FRAMES_PER_SECOND, found[index][1] / FRAMES_PER_SECOND)
            if pronunciations.get(index)
            else Word(word, None, None)
            for index, word in enumerate(words)
        ]
        return Alignment(timed, _score(segments, pcm) if self._scored else None)

    def _pronunciations(self, words: list[str]) -> dict[int, list[str]]:
        """Return the pronunciations of each word with a letter or digit, by the word's index; [] if none is known."""
        speakable = {index: word for index, word in enumerate(words) if any(c.isalnum() for c in word)}
        if not speakable:
            raise SaladError("the text has no word with a letter or digit", "Remove the row.")
        found = {index: self._look_up(word) for index, word in speakable.items()}
        unknown = sorted({speakable[index] for index, variants in found.items() if not variants})
        new = [word for word in unknown if word not in self._spoken_by_rule]
        if new:
            try:
                pronounced = espeak_pronunciations(new)
            except SaladError as error:
                raise SaladError(
                    f"the dictionary lacks {', '.join(unknown)}, and {error.problem}", error.fix
                ) from error
            self._spoken_by_rule |= dict(zip(new, pronounced, strict=True))
        by_rule = {word: [phones] for word in unknown if (phones := self._spoken_by_rule[word])}
        known = {index: variants or by_rule.get(speakable[index], []) for index, variants in found.items()}
        if 2 * sum(map(bool, known.values())) < len(known):
            unspeakable = [word for word in unknown if word not in by_rule]
            raise SaladError(
                f"words cannot be pronounced in English phones: {', '.join(unspeakable)}",
                "Use a CTC model of the text's language.",
            )
        return known

    def _look_up(self, word: str) -> list[str]:
        """Look up `word` in the dictionary, then without its punctuation, then the parts of a compound."""
        spelled = word.lower().replace("’", "'")
        core = re.sub(r"^[\W_]+|[\W_]+$", "", spelled)
        for form in (spelled, core):
            if form in self._dictionary:
                return self._dictionary[form]
        parts = [self._dictionary.get(part) for part in re.split(r"[-–—/]+", core)]
        return [" ".join(part[0] for part in parts if part)] if all(parts) else []


def _version_if_installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _unknown_sounds() -> list[str]:
    draws = random.Random(0)
    lengths = [2 + number % 10 for number in range(_UNKNOWN)]
    return [
        " ".join(draws.choice(_VOWELS if (place + number) % 2 else _CONSONANTS) for place in range(length))
        for number, length in enumerate(lengths)
    ]


def _decoded(decoder: pocketsphinx.Decoder, pcm: np.ndarray) -> list[pocketsphinx.Segment]:
    decode_utterance(decoder, pcm)
    return list(decoder.seg() or [])


def _score(segments: list[pocketsphinx.Segment], pcm: np.ndarray) -> float:
    """Return exp(mean log-likelihood of the text - mean log-likelihood of any phones), over the frames of words."""
    phones = pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin")
    decoder = pocketsphinx.Decoder(allphone=phones, lw=1.0, beam=_PHONE_BEAM, pbeam=_PHONE_BEAM, **_SETTINGS)
    of_phones = _by_frame(_decoded(decoder, pcm), frames=segments[-1].end_frame + 1)
    of_text = _by_frame(segments, frames=len(of_phones))
    words = [segment for segment in segments if segment.word[0].isdigit()]
    spoken = np.concatenate([np.arange(word.start_frame, word.end_frame + 1) for word in words])
    return min(1.0, math.exp(float(np.mean(of_text[spoken] - of_phones[spoken]))))


def _by_frame(segments: list[pocketsphinx.Segment], *, frames: int) -> np.ndarray:
    """Return nats a frame, float64 [frames]: each segment's log-likelihood in equal shares, 0 outside segments."""
    found = np.zeros(frames)
    for segment in segments:
        length = segment.end_frame + 1 - segment.start_frame
        found[segment.start_frame : segment.end_frame + 1] = (
            math.log(max(segment.ascore, sys.float_info.min)) * 2**_SHIFT / length
        )
    return found
