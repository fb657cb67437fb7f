"""Whisper's encoder (`openai/whisper-small` and the like): 16 kHz speech -> 50 frames a second."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from transformers import WhisperFeatureExtractor, WhisperModel

from saladkit.speech.encoders.frozen import (
    as_float16,
    cut_layers,
    frozen,
    load_feature_extractor,
    load_network,
    weights_digest,
)


class WhisperFrontEnd:
    """Hidden states of one encoder layer, float16 [frames, width].

    Whisper hears windows of exactly 30 s, filled up with silence. A longer recording is heard in consecutive windows,
    none of which knows of the others; what a window has of silence behind the recording is cut off again. Inside a
    window attention goes both ways: a frame has also heard what comes later.
    """

    def __init__(self, name: str | Path, *, layer: int | None = None, device: str = "cpu", dtype: str = "float32"):
        """Load the model; only its encoder is kept, up to `layer` (from 1; None: all of it, and its last norm).

        Raises:
            SaladError: it does not load, has no feature extractor, or has fewer layers.
        """
        self._features = cast(WhisperFeatureExtractor, load_feature_extractor(name))
        encoder = cast(WhisperModel, load_network(name)).encoder
        layer = cut_layers(encoder, layer, name, normed_last=True)
        self.name = name
        self.sample_rate = self._features.sampling_rate
        self.samples_per_frame = self._features.hop_length * encoder.conv1.stride[0] * encoder.conv2.stride[0]
        self.frames_per_second = self.sample_rate / self.samples_per_frame
        self.bytes_per_frame = 2 * encoder.config.d_model
        self.window_seconds = self._features.n_samples / self.sample_rate
        self.identity = {
            "name": "whisper",
            "layer": layer,
            "width": encoder.config.d_model,
            "sample_rate": self.sample_rate,
            "frames_per_second": self.frames_per_second,
            "causal": False,
            "weights": weights_digest(encoder),
            "version": 1,
        }
        self._encoder = frozen(encoder, device, dtype)

    @torch.inference_mode()
    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """Recordings at `sample_rate` -> ceil(samples / samples_per_frame) frames of each; all windows run at once."""
        step = self._features.n_samples
        windows = [[samples[i : i + step] for i in range(0, len(samples), step)] for samples in recordings]
        heard = self._features(
            [window for of_one in windows for window in of_one], sampling_rate=self.sample_rate, return_tensors="pt"
        )
        features = heard.input_features.to(self._encoder.device, self._encoder.dtype)
        hidden = iter(self._encoder(features).last_hidden_state)
        rows = []
        for of_one in windows:
            pieces = [next(hidden)[: -(-len(window) // self.samples_per_frame)] for window in of_one]
            rows.append(as_float16(torch.cat(pieces), self.name))
        return rows
