"""Voices of Kokoro, run by kokoro-onnx: neural speech in six languages, with word times.

Kokoro speaks phonemes and times phonemes: `phonetic_words` pairs them with the words of the text.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import cast

import kokoro_onnx
import numpy as np
from kokoro_onnx.session import input_dtypes
from kokoro_onnx.sliding import Timing
from numpy.lib.npyio import NpzFile

from saladkit.errors import SaladError
from saladkit.formats.digests import digest_file, digest_json
from saladkit.formats.words import Word, words_of_text
from saladkit.speech.voices.espeak_scripts import unread_word
from saladkit.speech.voices.kokoro_graph import open_kokoro_graph
from saladkit.speech.voices.kokoro_phonemes import LANGUAGES, NOT_BY_ESPEAK, espeak_config, espeak_phonemes
from saladkit.speech.voices.onnx_session import providers_for
from saladkit.speech.voices.phonetic_words import Phoneme, match_words, phonetic_words, pronunciation
from saladkit.speech.voices.ranges import DrawsSpeed, Range
from saladkit.speech.voices.voice import Utterance, VoiceFailed

HOME = "KOKORO_HOME"
LAG = 0.075  # s by which a phoneme sounds before its stated time; see _without_lag
_SPEEDS = (0.5, 2.0)  # the limits of kokoro-onnx
_DESCRIPTION = re.compile(r"(?P<folder>.*/)?(?P<voice>[^/@]+)(?:@(?P<speed>[^/@]+))?")
_FILES = (
    "Download kokoro-v1.0.onnx and voices-v1.0.bin from https://github.com/thewh1teagle/kokoro-onnx/releases"
    f" (model-files-v1.1) into one folder, and write kokoro:FOLDER/VOICE or set {HOME} to the folder."
)


class KokoroVoice(DrawsSpeed):
    """`[FOLDER/]VOICE[@SPEED]`, e.g. "af_heart" or "models/bf_emma@0.9..1.1".

    FOLDER is by default the value of the environment variable KOKORO_HOME, or else the current folder. It holds the
    model (`kokoro*.onnx`), the voices (`voices*.bin`), and Kokoro's `config.json` if the model has its own symbols.
    VOICE is one of the voices; its first letter tells the language. SPEED is 0.5 to 2, or a range LOW..HIGH.

    Raises:
        SaladError: a file is missing or of another kind, the voice is not in the file, or it speaks Japanese or
            Mandarin, whose phonemes espeak-ng does not know.
    """

    def __init__(self, description: str, *, device: str = "cpu"):
        parts = _DESCRIPTION.fullmatch(description)
        if not parts:
            raise SaladError(
                f"'kokoro:{description}' does not describe a Kokoro voice",
                "Write kokoro:[FOLDER/]VOICE[@SPEED], such as kokoro:af_heart@0.9..1.1.",
            )
        self.speaker = f"kokoro:{parts['folder'] or ''}{parts['voice']}"
        self._voice = parts["voice"]
        self._speed = Range.parse(parts["speed"], within=_SPEEDS, what="the speed") if parts["speed"] else None
        self._name()
        self.language = _language_of(self._voice)
        folder = Path(parts["folder"] or os.environ.get(HOME) or ".")
        model, voices = self._one_file(folder, "kokoro*.onnx"), self._one_file(folder, "voices*.bin")
        providers_for(device)  # outside of `try`: a missing GPU is not an error of the files
        try:
            self._kokoro, digests = _opened(_state(model), _state(voices), folder / "config.json", device)
            styles = cast(NpzFile, self._kokoro.voices)  # kokoro-onnx declares an array
            names = sorted(styles.files)
            style = styles[self._voice] if self._voice in names else None
            if style is not None and not (style.ndim == 3 and style.shape[0] and style.shape[1] == 1):
                raise ValueError(f"the voice {self._voice} has the shape {style.shape}")
        except Exception as error:  # the libraries raise errors of many types
            raise SaladError(
                f"{str(model)!r} and {str(voices)!r} are no Kokoro model with its voices:"
                f" {type(error).__name__}: {' '.join(str(error).split())[:200]}",
                _FILES,
            ) from error
        if style is None:
            raise SaladError(f"{str(voices)!r} has no voice {self._voice!r}", f"Use one of: {', '.join(names)}.")
        self._style = style
        self._check_speed()
        self.identity = {
            **digests,
            "style": hashlib.sha256(style.tobytes()).hexdigest(),
            **{package: version(package) for package in ("kokoro-onnx", "espeakng-loader")},
        }

    def _name(self) -> None:
        self.name = self.speaker + (f"@{self._speed}" if self._speed else "")

    def _one_file(self, folder: Path, pattern: str) -> Path:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not found:
            raise SaladError(f"{self.name!r} needs a file {pattern} in {str(folder)!r}, which has none", _FILES)
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise SaladError(
                f"{self.name!r} needs one file {pattern} in {str(folder)!r}, which has {names}",
                "Give each model its own folder with its voices; the folder may hold links to the files.",
            )
        return found[0]

    def _check_speed(self) -> None:
        """Check the speed: some exports take whole numbers, and kokoro-onnx would round others."""
        whole = input_dtypes(self._kokoro.sess)["speed"].kind in "iu"
        if whole and self._speed and not (self._speed.is_one and self._speed.low in (1.0, 2.0)):
            raise SaladError(f"{self.name!r}: this model takes whole speeds alone", "Use @1, @2 or another export.")

    def unread(self, text: str) -> tuple[str, str] | None:
        """Return a word of `text` that espeak-ng does not read, with its script."""
        return unread_word(text, self.language)

    def speak(self, text: str) -> Utterance:
        """Speak `text` at 24 kHz.

        A word has no times if its phonemes cannot be paired, or if the model does not report durations.

        Raises:
            SaladError: Kokoro finds nothing to speak in `text`.
            VoiceFailed: the graph does not run on `text`.
        """
        phonemes = self._phonemes(text)
        if not any(map(str.isalpha, phonemes)):
            raise SaladError(
                f"Kokoro finds nothing to speak in {text[:80]!r}", "Remove texts without letters or digits."
            )
        speed = self._speed.low if self._speed else 1.0
        seed = f"{self._voice}@{speed}/{phonemes}"  # without the folder, which the name contains
        self._kokoro.sess.seed(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
        try:
            samples, sample_rate, timings = self._kokoro.create_timed(
                phonemes, self._style, speed=speed, is_phonemes=True
            )
        except Exception as error:  # an error of onnxruntime, or a graph of another shape
            raise VoiceFailed(
                f"{self.name} failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}",
                "Try the model with kokoro-onnx alone, or download its files again.",
            ) from error
        if not len(samples) or not np.isfinite(samples).all() or not samples.any():
            raise VoiceFailed(
                f"{self.name} gave no sound", "Try the model with kokoro-onnx alone, or download its files again."
            )
        words = self._words(text, phonemes, timings)
        return Utterance(np.clip(samples, -1, 1).astype(np.float32), sample_rate, words)

    def _words(self, text: str, phonemes: str, timings: list[Timing]) -> list[Word]:
        words = words_of_text(text)
        if "".join(timing.phoneme for timing in timings).replace(" ", "") != phonemes.replace(" ", ""):
            return [Word(word, None, None) for word in words]
        # each word is pronounced alone: how many phonetic words it has, and roughly which
        alone = [pronunciation(self._phonemes(word)) for word in words]
        return match_words(words, alone, phonetic_words(_without_lag(phonemes, timings)))

    def _phonemes(self, text: str) -> str:
        """Return the phonemes of `text` that the model knows, separated by single spaces."""
        return " ".join(self._kokoro.tokenizer.known(espeak_phonemes(text, self.language)).split())


def _language_of(voice: str) -> str:
    letter = voice[0]
    if letter in NOT_BY_ESPEAK:
        raise SaladError(
            f"the Kokoro voice {voice!r} speaks {NOT_BY_ESPEAK[letter]}, whose phonemes espeak-ng does not know",
            "Write a program that uses Kokoro's own package misaki, and name it as command:PROGRAM.",
        )
    if letter not in LANGUAGES:
        known = ", ".join(f"{letter} {language}" for letter, language in LANGUAGES.items())
        raise SaladError(
            f"the first letter of the Kokoro voice {voice!r} names no language",
            f"Use a voice whose name begins with one of: {known}.",
        )
    return LANGUAGES[letter]


def _without_lag(phonemes: str, timings: list[Timing]) -> Iterator[Phoneme]:
    """Yield each of `phonemes` with the times at which it sounds.

    Spaces that kokoro-onnx drops where it cuts a long text are put back. Kokoro sounds three frames before its stated
    times: Kokoro's own pipeline subtracts them, kokoro-onnx does not. After pauses, words were heard 70 to 98 ms before
    their stated times (medians of two voices and three speeds).
    """
    place = 0
    for timing in timings:
        start, end = max(timing.start - LAG, 0.0), max(timing.end - LAG, 0.0)
        if phonemes[place] != timing.phoneme:
            yield " ", start, start
            place += 1
        yield timing.phoneme, start, end
        place += 1


def _state(path: Path) -> tuple[Path, int, int]:
    """Return a file with its size and time of change, which tell whether it was replaced."""
    state = path.stat()
    return path.absolute(), state.st_size, state.st_mtime_ns


@cache
def _opened(
    model: tuple[Path, int, int], voices: tuple[Path, int, int], config: Path, device: str
) -> tuple[kokoro_onnx.Kokoro, dict[str, str]]:
    """Open a model with its voices once in this process; return it with its digests."""
    described = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    session = open_kokoro_graph(model[0], providers_for(device))
    kokoro = kokoro_onnx.Kokoro.from_session(
        session,
        str(voices[0]),
        espeak_config=espeak_config(),
        vocab_config=described if "vocab" in described else None,  # the folder may have an unrelated config.json
    )
    return kokoro, {"model": digest_file(model[0]), "symbols": digest_json(kokoro.tokenizer.vocab)}
