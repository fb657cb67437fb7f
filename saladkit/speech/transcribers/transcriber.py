"""What a transcriber is: speech in, the words that were said out. `open_transcriber` finds it by name."""

from typing import Protocol

import numpy as np

from saladkit.speech.engines import engine_class

SPHINX = "sphinx"


class Transcriber(Protocol):
    """A speech recognizer.

    `model` is the folder or Hub name that it was read from, None where the model comes with the engine's package;
    `identity` states what its transcripts depend on beyond that.
    """

    model: str | None
    identity: dict

    def transcribe(self, recordings: list[tuple[np.ndarray, int]]) -> list[str]:
        """What is said in each recording, a pair of samples (float32 [n], mono, in [-1, 1]) and their rate in Hz.

        It may be nothing: an empty text.
        """
        ...


def open_transcriber(name: str, *, device: str = "cpu", dtype: str = "float32") -> Transcriber:
    """Open `sphinx` (PocketSphinx, English, offline) or a Hugging Face model for speech recognition.

    Raises:
        SaladError: the engine's extra is not installed; no model, or one of another kind.
    """
    if name == SPHINX:
        module_name, class_name, settings = "saladkit.speech.transcribers.sphinx", "SphinxTranscriber", {}
    else:
        module_name, class_name = "saladkit.speech.transcribers.hugging_face", "HuggingFaceTranscriber"
        settings = {"name": name, "device": device, "dtype": dtype}
    return engine_class(module_name, class_name, needed_by=f"--asr {name}", extra=SPHINX)(**settings)
