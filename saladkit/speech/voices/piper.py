"""Voices of Piper: neural speech on the CPU, with word times if the voice reports durations.

Piper speaks phonemes and times phonemes: `phonetic_words` pairs them with the words of the text.
"""

import hashlib
import json
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import piper
from piper.patch_voice_with_alignment import add_alignment_output

from saladkit.errors import SaladError
from saladkit.formats.digests import digest_file
from saladkit.formats.words import Word, words_of_text
from saladkit.speech.voices.drawn_noise import SeededSession, take_noise_as_input
from saladkit.speech.voices.espeak_scripts import unread_word
from saladkit.speech.voices.harmful_characters import HARMFUL_TO_SPACE, without_phonemes
from saladkit.speech.voices.onnx_session import open_session, providers_for
from saladkit.speech.voices.phonetic_words import PhoneticWord, match_words, phonetic_words, pronunciation
from saladkit.speech.voices.ranges import Range
from saladkit.speech.voices.voice import Utterance, VoiceFailed

_RATES = (0.25, 4.0)
_NOISES = (0.0, 2.0)
_DESCRIPTION = re.compile(
    r"(?P<path>.+?\.onnx)(?:#(?P<speaker>[^@,]+))?(?:@(?P<rate>[^,]+))?(?P<noises>(?:,(?:noise|noise-w)=[^,]+)*)"
)


class PiperVoice:
    """`PATH.onnx[#SPEAKER][@RATE][,noise=N][,noise-w=N]`, with its configuration beside it in `PATH.onnx.json`.

    SPEAKER is a name or a number in the configuration, a range of numbers, or `any`. RATE is 0.25 to 4 times the
    voice's own speed. noise (of the sound) and noise-w (of the durations) are 0 to 2. All three may be ranges
    LOW..HIGH, and by default everything is as in the configuration.

    Raises:
        SaladError: a file is missing or is no Piper voice, or the voice has no such speaker.
    """

    def __init__(self, description: str, *, device: str = "cpu"):
        self.name = f"piper:{description}"
        parts = _DESCRIPTION.fullmatch(description)
        if not parts:
            raise SaladError(
                f"{self.name!r} does not describe a Piper voice",
                "Write piper:PATH.onnx[#SPEAKER][@RATE][,noise=N][,noise-w=N], such as piper:voice.onnx#any@0.9..1.1.",
            )
        self._path = path = parts["path"]
        for file in (Path(path), Path(f"{path}.json")):
            if not file.is_file():
                raise SaladError(
                    f"{self.name!r} needs the file {str(file)!r}, which does not exist",
                    "Run: python -m piper.download_voices en_US-lessac-medium",
                )
        providers = providers_for(device)  # outside of `try`: a missing GPU is not an error of the files
        try:
            config = piper.PiperConfig.from_dict(json.loads(Path(f"{path}.json").read_text(encoding="utf-8")))
            self._session = SeededSession(open_session(_graph(path), providers))
            self._voice = piper.PiperVoice(session=self._session, config=config)
        except Exception as error:  # the libraries raise errors of many types
            raise SaladError(
                f"{path!r} is no Piper voice: {type(error).__name__}: {error}",
                "Give the .onnx file of a Piper voice, with its own .onnx.json beside it.",
            ) from error
        self.language = config.espeak_voice or None
        files = {"model": digest_file(Path(path)), "config": digest_file(Path(f"{path}.json"))}
        self.identity = files | {"piper-tts": version("piper-tts")}
        self._speakers = self._speakers_named(parts["speaker"])
        noises = dict(pair.split("=") for pair in parts["noises"].split(",") if pair)
        self._settings = {
            "@": parts["rate"] and Range.parse(parts["rate"], within=_RATES, what="the rate"),
            ",noise=": "noise" in noises and Range.parse(noises["noise"], within=_NOISES, what="noise"),
            ",noise-w=": "noise-w" in noises and Range.parse(noises["noise-w"], within=_NOISES, what="noise-w"),
        }
        self._name()

    def _name(self) -> None:
        named = "" if self._speakers is None else f"#{self._speakers}"
        self.speaker = f"piper:{self._path}{named}"
        self.name = self.speaker + "".join(f"{mark}{value}" for mark, value in self._settings.items() if value)

    def narrowed(self, draws: random.Random) -> "PiperVoice":
        """Return this voice with one value drawn from each range in its name (speaker, rate, noise)."""
        voice = copy(self)
        voice._speakers = self._speakers and self._speakers.draw_whole(draws)
        voice._settings = {mark: value and value.draw(draws) for mark, value in self._settings.items()}
        voice._name()
        return voice

    def unread(self, text: str) -> tuple[str, str] | None:
        """Return a word of `text` that the voice's phonemes by espeak-ng do not read, with its script."""
        by_espeak = self._voice.config.phoneme_type == piper.PhonemeType.ESPEAK
        return unread_word(text, self.language) if by_espeak else None

    def speak(self, text: str) -> Utterance:
        """Speak `text` at the voice's own sample rate, scaled by one gain to a peak of 1.

        A word has no times if its phonemes cannot be paired, or if the voice does not report durations.

        Raises:
            SaladError: Piper finds nothing to speak in `text`.
            VoiceFailed: the graph does not run on `text`.
        """
        sample_rate = self._voice.config.sample_rate
        self._session.seed(int.from_bytes(hashlib.sha256(f"{self.name}/{text}".encode(errors="replace")).digest()[:8]))
        try:
            chunks = list(
                self._voice.synthesize(
                    without_phonemes(text.translate(HARMFUL_TO_SPACE)),
                    self._synthesis_config(),
                    include_alignments=True,
                )
            )
        except Exception as error:  # an error of espeak-ng's bridge or onnxruntime, or a graph of another kind
            raise VoiceFailed(
                f"{self.name} failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}",
                "Try the voice by `piper -m PATH.onnx`.",
            ) from error
        samples = np.concatenate([chunk.audio_float_array for chunk in chunks] or [np.zeros(0, np.float32)])
        if not len(samples) or not np.isfinite(samples).all() or not samples.any():
            raise SaladError(
                f"Piper finds nothing to speak in {text[:80]!r}",
                "Remove texts without letters or digits.",
            )
        samples = (samples / np.max(np.abs(samples))).astype(np.float32)
        spoken: list[PhoneticWord] = []
        offset = 0
        for chunk in chunks:
            if chunk.phoneme_alignments is None:
                words = [Word(word, None, None) for word in words_of_text(text)]
                return Utterance(samples, sample_rate, words)
            spoken += phonetic_words(_timed(chunk.phoneme_alignments, offset, sample_rate))
            offset += len(chunk.audio_float_array)
        # each word is pronounced alone: how many phonetic words it has, and roughly which
        alone = [pronunciation(self._phonemes(word)) for word in words_of_text(text)]
        words = match_words(words_of_text(text), alone, spoken)
        return Utterance(samples, sample_rate, words)

    def _synthesis_config(self) -> piper.SynthesisConfig:
        config, settings = self._voice.config, self._settings
        return piper.SynthesisConfig(
            speaker_id=round(self._speakers.low) if self._speakers is not None else None,
            length_scale=config.length_scale / settings["@"].low if settings["@"] else None,
            noise_scale=settings[",noise="].low if settings[",noise="] else None,
            noise_w_scale=settings[",noise-w="].low if settings[",noise-w="] else None,
            normalize_audio=False,  # else every sentence gets the same peak
        )

    def _phonemes(self, text: str) -> str:
        return " ".join(
            "".join(sentence) for sentence in self._voice.phonemize(without_phonemes(text.translate(HARMFUL_TO_SPACE)))
        )

    def _speakers_named(self, speaker: str | None) -> Range | None:
        if not speaker:
            return None
        config = self._voice.config
        last = config.num_speakers - 1
        if speaker == "any":
            return Range(0, last)
        if speaker in config.speaker_id_map:
            return Range(*[config.speaker_id_map[speaker]] * 2)
        if re.fullmatch(r"\d+(\.\.\d+)?", speaker) and all(int(end) <= last for end in speaker.split("..")):
            return Range.parse(speaker, within=(0, last), what="the speaker")
        names = ", ".join(list(config.speaker_id_map)[:10]) or "without names"
        raise SaladError(
            f"{self.name!r}: the voice has no speaker {speaker!r}",
            f"Give a number below {config.num_speakers}, a range of them, any, or a name of its speakers ({names}).",
        )


def _graph(path: str) -> onnx.ModelProto:
    """Load the voice's graph, with the durations among its outputs and the noise among its inputs."""
    model = onnx.load(path)
    with suppress(ValueError):  # the durations are an output already, or the graph has none
        add_alignment_output(model)
    take_noise_as_input(model)
    return model


def _timed(
    alignments: list[piper.voice.PhonemeAlignment], offset: int, sample_rate: int
) -> Iterator[tuple[str, float, float]]:
    """Yield the phonemes of a sentence that starts at sample `offset`, with their start and end in s."""
    position = offset
    for alignment in alignments:
        start, position = position, position + int(alignment.num_samples)
        yield alignment.phoneme, start / sample_rate, position / sample_rate
