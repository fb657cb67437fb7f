"""Load torchaudio where it loads, and keep transformers working where it does not.

torchaudio's wheels for Linux are built for CUDA. Beside a torch for CPUs alone they fail to load, and so then does
`transformers`, which imports torchaudio wherever it is installed. Every module of ours that is about to load the audio
part of transformers therefore calls `find_torchaudio` first.
"""

import importlib
import importlib.util
import sys
from functools import cache
from types import ModuleType


@cache
def find_torchaudio() -> ModuleType | None:
    """Return torchaudio, or None where it is not installed or does not load.

    If torchaudio does not load, all later imports, those of transformers included, find it not installed.
    """
    return None if torchaudio_failure() else sys.modules["torchaudio"]


@cache
def torchaudio_failure() -> str | None:
    """Return why torchaudio cannot be used, in one line, or None if it can."""
    if importlib.util.find_spec("torchaudio") is None:
        return "it is not installed"
    try:
        importlib.import_module("torchaudio")
    except Exception as error:  # a library that is missing or of another version can lead to any error
        _hide_torchaudio()
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def _hide_torchaudio() -> None:
    """Mark torchaudio as not installed: Python's own convention for a module that must not be imported."""
    for name in [name for name in sys.modules if name.startswith("torchaudio.")]:
        del sys.modules[name]
    sys.modules["torchaudio"] = None  # type: ignore[assignment]
    if "transformers" in sys.modules:  # transformers remembers whether torchaudio was found
        from transformers.utils import is_torchaudio_available

        is_torchaudio_available.cache_clear()
