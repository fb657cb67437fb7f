"""Text as the phonemes that Kokoro speaks, by espeak-ng through phonemizer, as kokoro-onnx has it."""

import logging
import os
import shutil
import tempfile
from functools import cache

import espeakng_loader
import phonemizer
from kokoro_onnx.config import EspeakConfig
from phonemizer.logger import get_logger

from saladkit.speech.voices.control_characters import CONTROL_TO_SPACE

# By the first letter of a voice's name (VOICES.md of hexgrad/Kokoro-82M), as espeak-ng's codes.
LANGUAGES = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "p": "pt-br"}
# Kokoro learnt these from other phonemes than espeak-ng's: without tones, or with every kanji read "Chinese letter",
# it would speak nonsense.
NOT_BY_ESPEAK = {"j": "Japanese", "z": "Mandarin"}
_SILENT = get_logger("quiet", name="saladkit.phonemizer")  # it would report every foreign word
_SILENT.setLevel(logging.ERROR)


def espeak_phonemes(text: str, language: str) -> str:
    """The phonemes of `text`, its punctuation among them.

    Two things differ from kokoro-onnx's own: espeak-ng's marks of foreign words, "(en)", are left out, which Kokoro
    would speak; and so are line ends, at which kokoro-onnx would join two words. `espeak_config` has to be in use.
    """
    return phonemizer.phonemize(
        " ".join(text.translate(CONTROL_TO_SPACE).split()),
        language,
        preserve_punctuation=True,
        with_stress=True,
        language_switch="remove-flags",
        logger=_SILENT,
    )


def espeak_config() -> EspeakConfig:
    """Have kokoro-onnx use a copy of espeak-ng's library, this process's own.

    It never unloads the library that it is given. Were it the one that `espeak_library.fresh_library` unloads after
    each text, espeak voices would depend on what was spoken before.
    """
    library = os.path.basename(espeakng_loader.get_library_path())
    return EspeakConfig(os.path.join(_copied_library().name, library), espeakng_loader.get_data_path())


@cache
def _copied_library() -> tempfile.TemporaryDirectory:
    """The folder of the copy; it is removed when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="saladkit-espeak-")
    shutil.copy(espeakng_loader.get_library_path(), folder.name)
    return folder
