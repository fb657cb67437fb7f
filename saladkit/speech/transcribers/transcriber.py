"""Transcribers: speech in, its text out. `open_transcriber` opens one by name."""

import re
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from saladkit.machine import resolve_device
from saladkit.speech.engines import engine_class

SPHINX, FASTER_WHISPER = "sphinx", "faster-whisper"
WITHOUT_TORCH = (SPHINX, FASTER_WHISPER)


class Transcriber(Protocol):
    """A speech recognizer.

    Attributes:
        model: folder or Hub name that the model was read from; None if the model comes with the engine's package.
        identity: what the transcripts depend on beyond that.
    """

    model: str | None
    identity: dict

    def transcribe(self, recordings: list[tuple[np.ndarray, int]]) -> list[str]:
        """Return the text that is spoken in each recording; "" if the recognizer understands nothing.

        Args:
            recordings: samples (float32 [n], mono, in [-1, 1]) and their rate in Hz.
        """
        ...


def model_of(name: str) -> dict[str, str]:
    """Return the recognizer's model by its role among the inputs of an artefact, so that its content is digested.

    The role says what else of the name the transcripts depend on.
    """
    engine, _, description = name.partition(":")
    if engine != FASTER_WHISPER:
        return {"asr": name}
    model, language = split_language(description)
    return {f"asr {engine}{'' if language is None else f' {language}'}": model}


def split_language(description: str) -> tuple[str, str | None]:
    """Split `MODEL[#LANGUAGE]` into the model and the language; None without one."""
    model, mark, language = description.rpartition("#")
    if mark and re.fullmatch("[a-z]{2,3}", language) and not Path(description).exists():
        return model, language
    return description, None


def open_transcriber(name: str, *, device: str, dtype: str) -> Transcriber:
    """Open `sphinx` (PocketSphinx), `faster-whisper:MODEL[#LANGUAGE]`, or a Hugging Face model for speech recognition.

    Args:
        device: where a model runs ("auto": the best device); PocketSphinx runs on the CPU.
        dtype: data type of a Hugging Face model; the others have their own.

    Raises:
        SaladError: the engine's extra is not installed, the device does not exist, or the model does not exist or is no
            speech recognizer.
    """
    engine, _, description = name.partition(":")
    opened = partial(engine_class, needed_by=f"--asr {name}")
    if name == SPHINX:
        return opened("saladkit.speech.transcribers.sphinx", "SphinxTranscriber", extra=SPHINX)()
    if engine == FASTER_WHISPER:
        module_name, class_name = "saladkit.speech.transcribers.faster_whisper", "FasterWhisperTranscriber"
        return opened(module_name, class_name, extra=FASTER_WHISPER)(*split_language(description), device=device)
    from saladkit.speech.transcribers.hugging_face import HuggingFaceTranscriber

    return HuggingFaceTranscriber(name, device=resolve_device(device), dtype=dtype)
