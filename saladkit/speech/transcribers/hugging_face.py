"""Transcribe by any Hugging Face speech recognizer (Whisper, other encoder-decoders, CTC) in transformers' pipeline."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import transformers

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder, model_digest
from saladkit.speech.audio.resampling import resample
from saladkit.speech.audio.torchaudio import find_torchaudio

LONGEST = 30.0  # s; longer recordings are cut into windows that overlap (CTC) or follow one another (Whisper)


class HuggingFaceTranscriber:
    """A model for `automatic-speech-recognition`."""

    def __init__(self, name: str, device: str, dtype: str):
        check_model_folder(name, example="openai/whisper-large-v3")
        _check_format(name)
        find_torchaudio()  # before transformers looks for it
        try:
            opened = transformers.pipeline(
                "automatic-speech-recognition", model=name, device=device, dtype=dtype, trust_remote_code=False
            )
            # transformers declares the pipeline's feature extractor optional, and its result a union
            self._pipeline = cast(Any, opened)
        except Exception as error:  # transformers raises errors of many types
            raise SaladError(
                f"{name} cannot be loaded as a speech recognizer: {' '.join(str(error).split())[:300]}",
                "Give a Whisper or CTC model, such as openai/whisper-large-v3, or sphinx.",
            ) from error
        self.model: str | None = name
        self.identity = {
            "model": model_digest(name),
            "transformers": transformers.__version__,
        }
        self._rate = cast(Any, self._pipeline).feature_extractor.sampling_rate

    def resampled(self, recording: tuple[np.ndarray, int]) -> np.ndarray:
        """Return a recording's samples at the model's sample rate, float32 [n]."""
        return resample(*recording, self._rate)

    def transcribe(self, recordings: list[tuple[np.ndarray, int]]) -> list[str]:
        """As `Transcriber.transcribe`; the pipeline decodes Whisper with five beams, as its authors do.

        Recordings run one by one: in a padded batch, the transcripts of some models depend on the other recordings.
        """
        return [self._transcribe(self.resampled(recording)) for recording in recordings]

    def _transcribe(self, samples: np.ndarray) -> str:
        settings: dict = {}
        if len(samples) > LONGEST * self._rate:
            whisper = self._pipeline.type == "seq2seq_whisper"
            settings = {"return_timestamps": True} if whisper else {"chunk_length_s": LONGEST}
        return cast(Any, self._pipeline)({"raw": samples, "sampling_rate": self._rate}, **settings)["text"].strip()


def _check_format(name: str) -> None:
    """Raise a SaladError if a folder holds a model for CTranslate2, which transformers would try to read as its own."""
    if (Path(name) / "model.bin").is_file():
        raise SaladError(f"{name} is a model for CTranslate2, not for transformers", f"Write faster-whisper:{name}.")
