"""Piper voices: neural speech on the CPU, with word times where the voice reports durations.

Piper works on phonemes and its times are per phoneme: `phonetic_words` pairs what it spoke with the words of the text.
"""

import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import piper

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.voices.phonetic_words import PhoneticWord, match_words, phonetic_words
from saladkit.speech.voices.voice import Utterance


class PiperVoice:
    """`PATH.onnx[#SPEAKER]`, with its configuration beside it in `PATH.onnx.json`.

    SPEAKER is a name or a number of the configuration; without it the voice's default speaks.
    Raises SaladError if a file is missing, if it is no Piper voice, or if the speaker is not there.

    Piper samples noise, so two calls with one text differ. The seed is fixed when the voice is
    opened: the same texts in the same order give the same samples.
    """

    def __init__(self, description: str, *, device: str = "cpu"):
        self.name = f"piper:{description}"
        path, _, speaker = description.partition("#")
        for file in (Path(path), Path(f"{path}.json")):
            if not file.is_file():
                raise SaladError(
                    f"{self.name!r} needs the file {str(file)!r}, which does not exist.",
                    "Run: python -m piper.download_voices en_US-lessac-medium",
                )
        onnxruntime.set_seed(0)
        try:
            # durations are an output only of patched voices; Piper patches others in memory
            self._voice = piper.PiperVoice.load(path, include_alignments=find_spec("onnx") is not None)
        except Exception as error:  # each library in between raises its own types
            raise SaladError(
                f"{path!r} is no Piper voice: {type(error).__name__}: {error}",
                "Give the .onnx file of a Piper voice, with its own .onnx.json beside it.",
            ) from error
        self._settings = piper.SynthesisConfig(speaker_id=self._speaker_id(speaker))

    def narrowed(self, draws: random.Random) -> "PiperVoice":
        """Itself: nothing is drawn."""
        return self

    def speak(self, text: str) -> Utterance:
        """Speak `text` at the voice's own sample rate.

        A word that cannot be paired with what was spoken has no times; no word has, if the voice reports no durations.

        Raises SaladError if there is nothing to speak in `text`.
        """
        sample_rate = self._voice.config.sample_rate
        chunks = list(self._voice.synthesize(text, self._settings, include_alignments=True))
        if not sum(len(chunk.audio_float_array) for chunk in chunks):
            raise SaladError(
                f"Piper finds nothing to speak in {text[:80]!r}.",
                "Remove texts without letters or digits.",
            )
        samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
        spoken: list[PhoneticWord] = []
        offset = 0
        for chunk in chunks:
            if chunk.phoneme_alignments is None:
                words = [Word(word, None, None) for word in text.split()]
                return Utterance(samples, sample_rate, words)
            spoken += phonetic_words(_timed(chunk.phoneme_alignments, offset, sample_rate))
            offset += len(chunk.audio_float_array)
        # each word alone: how many phonetic words it is, and roughly which
        alone = [["".join(filter(str.isalpha, part)) for part in self._phonemes(word).split()] for word in text.split()]
        words = match_words(text.split(), alone, spoken)
        return Utterance(samples, sample_rate, words)

    def _phonemes(self, text: str) -> str:
        return " ".join("".join(sentence) for sentence in self._voice.phonemize(text))

    def _speaker_id(self, speaker: str) -> int | None:
        if not speaker:
            return None
        config = self._voice.config
        if speaker in config.speaker_id_map:
            return config.speaker_id_map[speaker]
        if speaker.isdecimal() and int(speaker) < config.num_speakers:
            return int(speaker)
        names = ", ".join(list(config.speaker_id_map)[:10]) or "without names"
        raise SaladError(
            f"{self.name!r}: the voice has no speaker {speaker!r}.",
            f"Give a number below {config.num_speakers} or a name of its speakers ({names}).",
        )


def _timed(
    alignments: list[piper.voice.PhonemeAlignment], offset: int, sample_rate: int
) -> Iterator[tuple[str, float, float]]:
    """The phonemes of one sentence whose audio starts at sample `offset`, with their start and end in s."""
    position = offset
    for alignment in alignments:
        start, position = position, position + int(alignment.num_samples)
        yield alignment.phoneme, start / sample_rate, position / sample_rate
