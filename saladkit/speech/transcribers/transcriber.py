"""Transcribers: speech in, its text out. `open_transcriber` opens one by name."""

from typing import Protocol

import numpy as np

from saladkit.machine import resolve_device
from saladkit.speech.engines import engine_class

SPHINX = "sphinx"


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


def open_transcriber(name: str, *, device: str, dtype: str) -> Transcriber:
    """Open `sphinx` (PocketSphinx, English, offline) or a Hugging Face model for speech recognition.

    Args:
        device: where a Hugging Face model runs ("auto": the best device); PocketSphinx runs on the CPU.

    Raises:
        SaladError: the engine's extra is not installed, the device does not exist, or the model does not exist or is no
            speech recognizer.
    """
    if name == SPHINX:
        module_name, class_name, settings = "saladkit.speech.transcribers.sphinx", "SphinxTranscriber", {}
    else:
        module_name, class_name = "saladkit.speech.transcribers.hugging_face", "HuggingFaceTranscriber"
        settings = {"name": name, "device": resolve_device(device), "dtype": dtype}
    return engine_class(module_name, class_name, needed_by=f"--asr {name}", extra=SPHINX)(**settings)
