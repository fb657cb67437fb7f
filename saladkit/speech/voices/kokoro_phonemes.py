"""Convert text to the phonemes that Kokoro speaks, by espeak-ng and phonemizer as in kokoro-onnx."""

import logging
import os
import shutil
import tempfile
from functools import cache

import espeakng_loader
import phonemizer
from kokoro_onnx.config import EspeakConfig
from phonemizer.logger import get_logger

from saladkit.speech.voices.harmful_characters import HARMFUL_TO_SPACE

# espeak-ng's code for the first letter of a voice's name (VOICES.md of hexgrad/Kokoro-82M)
LANGUAGES = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "p": "pt-br"}
# Kokoro learnt these languages from phonemes that espeak-ng does not give: without tones, or with every kanji read as
# "Chinese letter", it would speak nonsense.
NOT_BY_ESPEAK = {"j": "Japanese", "z": "Mandarin"}
_SILENT = get_logger("quiet", name="saladkit.phonemizer")  # otherwise phonemizer reports every foreign word
_SILENT.setLevel(logging.ERROR)


def espeak_phonemes(text: str, language: str) -> str:
    """Return the phonemes of `text` with its punctuation. Call `espeak_config` before.

    Two things differ from kokoro-onnx's own conversion. espeak-ng's marks of foreign words, "(en)", are removed,
    because Kokoro would speak them. Line ends become spaces, because kokoro-onnx would join the words around them.
    """
    return phonemizer.phonemize(
        " ".join(text.translate(HARMFUL_TO_SPACE).split()),
        language,
        preserve_punctuation=True,
        with_stress=True,
        language_switch="remove-flags",
        logger=_SILENT,
    )


def espeak_config() -> EspeakConfig:
    """Return the configuration by which kokoro-onnx uses a copy of espeak-ng's library.

    kokoro-onnx never unloads its library. If it used the library that `espeak_library.fresh_library` loads anew for
    each text, the samples of espeak voices would depend on what was spoken before.
    """
    library = os.path.basename(espeakng_loader.get_library_path())
    return EspeakConfig(os.path.join(_copied_library().name, library), espeakng_loader.get_data_path())


@cache
def _copied_library() -> tempfile.TemporaryDirectory:
    """Copy the library to a folder that is removed when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="saladkit-espeak-")
    shutil.copy(espeakng_loader.get_library_path(), folder.name)
    return folder
