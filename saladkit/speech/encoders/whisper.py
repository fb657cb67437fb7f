"""Whisper's encoder (such as `openai/whisper-small`): 16 kHz speech to 50 frames a second."""

from pathlib import Path
from typing import NoReturn, cast

import numpy as np
import torch
from transformers import WhisperFeatureExtractor, WhisperModel

from saladkit.speech.encoders.frozen import (
    as_float16,
    cut_layers,
    frozen,
    load_feature_extractor,
    load_network,
    looks_ahead,
    weights_digest,
)


class WhisperFrontEnd:
    """Compute the hidden states of one encoder layer, float16 [frames, width].

    Whisper reads windows of exactly 30 s, padded with silence. A longer recording is cut into consecutive windows that
    are encoded independently; frames of padding are removed. Attention is bidirectional: frames see the later audio of
    their window.
    """

    def __init__(self, name: str | Path, layer: int | None, *, device: str, dtype: str):
        """Load the encoder up to `layer`, counted from 1; None loads all layers and the last norm.

        Raises:
            SaladError: the model does not load, has no feature extractor, or has fewer layers.
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

    def stream(self) -> NoReturn:
        """As `FrontEnd.stream`.

        Raises:
            SaladError: always, because attention is bidirectional.
        """
        raise looks_ahead(self.name)

    @torch.inference_mode()
    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """As `FrontEnd.frames`, ceil(samples / samples_per_frame) a recording; all windows are one batch."""
        step = self._features.n_samples
        windows = [[samples[i : i + step] for i in range(0, len(samples), step)] for samples in recordings]
        extracted = self._features(
            [window for of_one in windows for window in of_one], sampling_rate=self.sample_rate, return_tensors="pt"
        )
        features = extracted.input_features.to(self._encoder.device, self._encoder.dtype)
        hidden = iter(self._encoder(features).last_hidden_state)
        rows = []
        for of_one in windows:
            pieces = [next(hidden)[: self.frame_count(len(window))] for window in of_one]
            rows.append(as_float16(torch.cat(pieces), self.name))
        return rows

    def frame_count(self, samples: int) -> int:
        """As `FrontEnd.frame_count`; a window of 30 s has whole frames."""
        return -(-samples // self.samples_per_frame)
