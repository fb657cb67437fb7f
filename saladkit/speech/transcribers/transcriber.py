"""What a transcriber is: speech in, the words that were said out. `open_transcriber` finds it by name."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from saladkit.speech.audio import edit_distance
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


def character_error_rate(said: str, written: str) -> float | None:
    """Edits a character of `said`, in lower case, letters, digits and spaces alone; None where it has none of them."""
    wanted, found = _plain(said), _plain(written)
    if not wanted:
        return None
    return edit_distance(wanted, found) / len(wanted)


def least_error_rate(forms: Iterable[str], written: str) -> float | None:
    """The lowest error rate against several forms of what was said; some recognizers write "1984", some its words."""
    known = [rate for form in forms if (rate := character_error_rate(form, written)) is not None]
    return min(known, default=None)


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower().replace("'", "")).split())
