"""Transcribe by a Whisper in CTranslate2's format, through the package faster-whisper; torch is not needed.

Decoding is a beam search at temperature 0 without fallback to drawn tokens: equal samples give an equal transcript.
A window that the model calls silent (probability above 0.6, and a mean log-probability below -1) has no text; no other
detector of speech runs before it. CTranslate2 gives the same bits with one thread and with two.
"""

import logging
import os
import re
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import ctranslate2
import faster_whisper
import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.digests import digest_file, digest_json
from saladkit.machine import available_cores
from saladkit.speech.audio.resampling import resample

# What CTranslate2 and faster-whisper read of a model's folder.
_FILES = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")
_NEEDED = ("config.json", "model.bin", "tokenizer.json")
_WINDOW = 30.0  # s; in a longer recording, times that the model writes say where the next window begins
_BEAMS = 5  # as Whisper's authors decode
_EXAMPLE = "a folder with model.bin, a size such as tiny.en, or a name such as Systran/faster-whisper-large-v3"

ctranslate2.set_log_level(logging.ERROR)  # it warns of every model in float16 that runs in float32 on a CPU


class FasterWhisperTranscriber:
    """A model by its folder, size or name on the Hub; without a `language`, it is detected in each recording.

    Raises:
        SaladError: there is no such model, device or language, or the model cannot be loaded.
    """

    def __init__(self, model: str, language: str | None, *, device: str):
        self.model, self._language = model, language
        _check_name(model)
        device = _resolved(device)  # outside of `try`: a missing GPU is not an error of the model
        try:
            self._folder = self.model if Path(self.model).is_dir() else faster_whisper.download_model(self.model)
            self._whisper = faster_whisper.WhisperModel(self._folder, device=device, cpu_threads=_threads())
        except Exception as error:  # CTranslate2, tokenizers and the Hub raise errors of many types
            raise SaladError(
                f"{self.model} cannot be loaded by faster-whisper: {' '.join(str(error).split())[:300]}",
                f"Give {_EXAMPLE}, which is complete or can be downloaded.",
            ) from error
        if self._language is not None and self._language not in self._whisper.supported_languages:
            raise SaladError(
                f"{self.model} knows no language '{self._language}'",
                f"Give one of: {', '.join(self._whisper.supported_languages)}.",
            )

    @cached_property
    def identity(self) -> dict:
        """Digest of the model's files, language, and versions of the packages; worker processes do not ask for it."""
        files = sorted(file for pattern in _FILES for file in Path(self._folder).glob(pattern))
        return {
            "model": digest_json([[file.name, digest_file(file)] for file in files]),
            "language": self._language,
            "faster-whisper": version("faster-whisper"),
            "ctranslate2": version("ctranslate2"),
        }

    def transcribe(self, recordings: list[tuple[np.ndarray, int]]) -> list[str]:
        """As `Transcriber.transcribe`; recordings run one by one, as their windows of 30 s hold no padding to share."""
        return [self._transcribe(*recording) for recording in recordings]

    def _transcribe(self, samples: np.ndarray, sample_rate: int) -> str:
        samples = resample(samples, sample_rate, self._whisper.feature_extractor.sampling_rate)
        if not np.any(samples):  # tiny.en hears "you you" in 40 s of digital silence
            return ""
        segments, _ = self._whisper.transcribe(
            samples,
            language=self._language,
            beam_size=_BEAMS,
            temperature=0.0,
            condition_on_previous_text=False,  # a window that went wrong would spoil those after it
            without_timestamps=len(samples) <= _WINDOW * self._whisper.feature_extractor.sampling_rate,
        )
        return "".join(segment.text for segment in segments).strip()


def _check_name(name: str) -> None:
    """Check that a model is a folder with the files that it needs, or can be the name of a model on the Hub."""
    if not name:
        raise SaladError("--asr faster-whisper names no model", f"Write faster-whisper:MODEL, with {_EXAMPLE}.")
    path = Path(name)
    if path.exists():
        missing = [file for file in _NEEDED if not (path / file).is_file()]
        if missing:
            raise SaladError(
                f"{name} is no Whisper for faster-whisper: it has no {missing[0]}",
                "Convert the model with ct2-transformers-converter --copy_files tokenizer.json"
                " preprocessor_config.json, or give its name without faster-whisper: before it.",
            )
    elif name not in faster_whisper.available_models() and not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name):
        raise SaladError(f"{name} does not exist", f"Give {_EXAMPLE}.")


def _resolved(device: str) -> str:
    """Return where CTranslate2 runs: "cuda" or "cpu", which also stands for devices that it does not know."""
    sees_gpu = ctranslate2.get_cuda_device_count() > 0
    if device == "cuda" and not sees_gpu:
        raise SaladError("CTranslate2 sees no cuda device here", "Use --device cpu for faster-whisper.")
    return "cuda" if sees_gpu and device in ("auto", "cuda") else "cpu"


def _threads() -> int:
    """Return the number of threads: OMP_NUM_THREADS, which is 1 in a worker process, or one a core.

    CTranslate2 alone would take up to four, however few cores there are.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(asked) if asked.isdigit() and int(asked) > 0 else available_cores()
