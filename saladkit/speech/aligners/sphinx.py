"""Forced alignment of English by PocketSphinx: one core, no download (its model is inside the package).

Against the word times that espeak-ng reports of its own speech, the median error is 6 ms at a word's start and 7 ms at
its end, and nine of ten starts are within 19 ms; the largest is 139 ms, a pause given to the word behind it (213 words:
6 sentences by each of en-us, en-us+f3 and en-us@250). One core aligns 35 s of speech in a second.
"""

import re
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pocketsphinx

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.aligners.pronunciation import espeak_pronunciations, read_dictionary
from saladkit.speech.audio import resample

SAMPLE_RATE = 16_000
FRAMES_PER_SECOND = 100

# PocketSphinx's own beams (1e-48) lose the path in 5 of 18 sentences of a formant voice, 1e-100 in 87 s of speech.
# 1e-300 lost none, and its times are those of no pruning at all, which takes five times as long on 87 s.
_BEAM = 1e-300


class SphinxAligner:
    """The English model of the package: CMUdict, and espeak-ng's pronunciation for words that are not in it."""

    name = "sphinx"
    model = None

    def __init__(self, description: str = "", *, device: str = "cpu"):
        self._dictionary = read_dictionary(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
        self._spoken_by_rule: dict[str, str | None] = {}
        self.identity = {
            "pocketsphinx": version("pocketsphinx"),
            "model": "en-us",
            "beam": _BEAM,
            "espeakng-loader": _version_if_installed("espeakng-loader"),  # the pronunciation of rare words
        }

    def align(self, samples: np.ndarray, sample_rate: int, text: str) -> list[Word]:
        """The words of `text` with times in s, multiples of 10 ms; silence between words belongs to none.

        Scores are None: what PocketSphinx gives for a segment is an acoustic density, 0.90 on average where the
        text is what was spoken and 0.88 where it is another.

        Raises:
            SaladError: a word has no pronunciation, or no path leads through the audio.
        """
        words = text.split()
        pronunciations = self._pronunciations(words)
        # A decoder carries its Gaussian selection from one utterance over to the next: the scores, and in the end the
        # times, would depend on the rows before. A new one without the dictionary of 130000 words takes 13 ms.
        decoder = pocketsphinx.Decoder(
            lm=None,
            dict=None,
            samprate=SAMPLE_RATE,
            bestpath=False,
            beam=_BEAM,
            wbeam=_BEAM,
            pbeam=_BEAM,
            loglevel="FATAL",
        )
        for index, variants in pronunciations.items():
            for number, phones in enumerate(variants, start=1):
                decoder.add_word(f"{index}({number})" if number > 1 else f"{index}", phones, False)
        decoder.set_align_text(" ".join(map(str, pronunciations)))
        heard = resample(samples, sample_rate, SAMPLE_RATE)
        pcm = np.clip(np.rint(heard * 32768), -32768, 32767).astype(np.int16)
        decoder.start_utt()
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()
        found = {
            int(segment.word.partition("(")[0]): (segment.start_frame, segment.end_frame + 1)
            for segment in decoder.seg() or []
            if segment.word[0].isdigit()
        }
        if found.keys() != pronunciations.keys():
            raise SaladError(
                f"PocketSphinx finds no way through {len(heard) / SAMPLE_RATE:.2f} s of audio for {len(words)} words.",
                "Check that the text is what is spoken, and that the audio is whole.",
            )
        return [
            Word(word, found[index][0] / FRAMES_PER_SECOND, found[index][1] / FRAMES_PER_SECOND)
            if index in found
            else Word(word, None, None)
            for index, word in enumerate(words)
        ]

    def _pronunciations(self, words: list[str]) -> dict[int, list[str]]:
        """The pronunciations of every word that has a letter or digit, by its index."""
        speakable = {index: word for index, word in enumerate(words) if any(c.isalnum() for c in word)}
        if not speakable:
            raise SaladError("The text has no word with a letter or digit.", "Remove such rows.")
        found = {index: self._look_up(word) for index, word in speakable.items()}
        unknown = sorted({speakable[index] for index, variants in found.items() if not variants})
        ask = [word for word in unknown if word not in self._spoken_by_rule]
        if ask:
            try:
                said = espeak_pronunciations(ask)
            except SaladError as error:
                raise SaladError(
                    f"Words without a known pronunciation: {', '.join(unknown)}. {error.problem}", error.fix
                ) from error
            self._spoken_by_rule |= dict(zip(ask, said, strict=True))
        unspeakable = [word for word in unknown if self._spoken_by_rule[word] is None]
        if unspeakable:
            raise SaladError(
                f"Words that cannot be pronounced in English phones: {', '.join(unspeakable)}.",
                "Use a CTC model of the text's language.",
            )
        return {index: variants or [self._spoken_by_rule[speakable[index]] or ""] for index, variants in found.items()}

    def _look_up(self, word: str) -> list[str]:
        """The dictionary's pronunciations of `word`, of its core without punctuation, or of the parts of a compound."""
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
