"""Piper voices: neural speech on the CPU, with word times where the voice reports durations.

Piper works on phonemes, so its times are per phoneme and its words are what stands between two
spaces of the phoneme string. Those are not the words of the text ("1984" is spoken as three, "of
the" as one); `_match_words` pairs the two.
"""

from difflib import SequenceMatcher
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import piper

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.voices.voice import Utterance

# A phonetic word: its phonemes without punctuation, and where it starts and ends in s
_SpokenWord = tuple[str, float, float]


class PiperVoice:
    """`PATH.onnx[#SPEAKER]`, with its configuration beside it in `PATH.onnx.json`.

    SPEAKER is a name or a number of the configuration; without it the voice's default speaks.
    Raises SaladError if a file is missing, if it is no Piper voice, or if the speaker is not there.

    Piper samples noise, so two calls with one text differ. The seed is fixed when the voice is
    opened: the same texts in the same order give the same samples.
    """

    def __init__(self, description: str):
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
        spoken: list[_SpokenWord] = []
        offset = 0
        for chunk in chunks:
            if chunk.phoneme_alignments is None:
                words = [Word(word, None, None) for word in text.split()]
                return Utterance(samples, sample_rate, words)
            spoken += _spoken_words(chunk.phoneme_alignments, offset, sample_rate)
            offset += len(chunk.audio_float_array)
        # each word alone: how many phonetic words it is, and roughly which
        alone = [["".join(filter(str.isalpha, part)) for part in self._phonemes(word).split()] for word in text.split()]
        words = _match_words(text.split(), alone, spoken)
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


def _spoken_words(alignments: list[piper.voice.PhonemeAlignment], offset: int, sample_rate: int) -> list[_SpokenWord]:
    """The phonetic words of one sentence whose audio starts at sample `offset`."""
    words: list[_SpokenWord] = []
    letters, start, end, position = "", 0, 0, offset
    for alignment in alignments:
        phoneme, phoneme_start = alignment.phoneme, position
        position += int(alignment.num_samples)
        if phoneme == " " and letters:
            words.append((letters, start / sample_rate, end / sample_rate))
            letters = ""
        elif phoneme.isalpha():  # pauses, which are timed as punctuation, belong to no word
            start, end = start if letters else phoneme_start, position
            letters += phoneme
    if letters:
        words.append((letters, start / sample_rate, end / sample_rate))
    return words


def _match_words(words: list[str], alone: list[list[str]], spoken: list[_SpokenWord]) -> list[Word]:
    """Give each word the times of the phonetic words it was spoken as.

    `alone[i]` is the pronunciation of words[i] by itself. In a sentence vowels are reduced but
    their number of phonetic words rarely changes: where equally many stand between two exact
    matches they are paired in order; where not (words spoken as one) they stay without times.
    """
    owner = [index for index, parts in enumerate(alone) for _ in parts]
    expected = [part for parts in alone for part in parts]
    found = [letters for letters, _, _ in spoken]
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    incomplete: set[int] = set()
    matcher = SequenceMatcher(None, expected, found, autojunk=False)
    for _, left, left_end, right, right_end in matcher.get_opcodes():
        if left_end - left != right_end - right:
            incomplete.update(owner[left:left_end])
            continue
        for index, (_, start, end) in zip(owner[left:left_end], spoken[right:right_end], strict=True):
            starts.setdefault(index, start)
            ends[index] = end
    timed = starts.keys() - incomplete
    return [
        Word(word, starts[index], ends[index]) if index in timed else Word(word, None, None)
        for index, word in enumerate(words)
    ]
