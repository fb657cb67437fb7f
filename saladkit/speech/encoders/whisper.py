"""Whisper's encoder (such as `openai/whisper-small`): 16 kHz speech to 50 frames a second."""

import math
from pathlib import Path
from typing import NoReturn, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import WhisperFeatureExtractor, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

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

    Whisper was trained on windows of exactly 30 s, padded with silence. Only the first `silence` seconds of the padding
    are encoded, because the work grows with them, and their frames are removed. A recording longer than a window is cut
    into consecutive windows that are encoded independently. Attention is bidirectional: frames see the later audio of
    their window.
    """

    def __init__(self, name: str | Path, layer: int | None, silence: float, *, device: str, dtype: str):
        """Load the encoder up to `layer`, counted from 1; None loads all layers and the last norm.

        Args:
            silence: seconds of padding that are encoded, up to the end of the window.

        Raises:
            SaladError: the model does not load, has no feature extractor, or has fewer layers.
        """
        self._features = cast(WhisperFeatureExtractor, load_feature_extractor(name))
        encoder = cast(WhisperModel, load_network(name)).encoder
        layer = cut_layers(encoder, layer, name, normed_last=True)
        self.name = name
        self.sample_rate = self._features.sampling_rate
        self._mel_per_frame = encoder.conv1.stride[0] * encoder.conv2.stride[0]
        self.samples_per_frame = self._features.hop_length * self._mel_per_frame
        self.frames_per_second = self.sample_rate / self.samples_per_frame
        self.bytes_per_frame = 2 * encoder.config.d_model
        self._window = self.frame_count(self._features.n_samples)
        self._silence = min(round(silence * self.frames_per_second), self._window)
        self.identity = {
            "name": "whisper",
            "layer": layer,
            "width": encoder.config.d_model,
            "sample_rate": self.sample_rate,
            "frames_per_second": self.frames_per_second,
            "silence": self._silence / self.frames_per_second,
            "causal": False,
            "weights": weights_digest(encoder),
            "version": 2,
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
        hidden = iter(self.with_silence([window for of_one in windows for window in of_one]))
        rows = []
        for of_one in windows:
            pieces = [next(hidden)[: self.frame_count(len(window))] for window in of_one]
            rows.append(as_float16(torch.cat(pieces), self.name))
        return rows

    @torch.inference_mode()
    def with_silence(self, windows: list[np.ndarray]) -> list[Tensor]:
        """Return the hidden states of recordings of at most a window, those of the silence too, [frames, width]."""
        counts = [min(self.frame_count(len(window)) + self._silence, self._window) for window in windows]
        lengths = torch.tensor(counts)
        features = self._mel(windows, lengths).to(self._encoder.device, self._encoder.dtype)
        hidden = encode(self._encoder, features, lengths.to(self._encoder.device))
        return [row[:count] for row, count in zip(hidden, counts, strict=True)]

    def frame_count(self, samples: int) -> int:
        """As `FrontEnd.frame_count`; a window of 30 s has whole frames."""
        return -(-samples // self.samples_per_frame)

    def encoded_seconds(self, seconds: float) -> float:
        """As `FrontEnd.encoded_seconds`; every window of a recording is padded to the longest."""
        window = self._window / self.frames_per_second
        if seconds > window:
            return math.ceil(seconds / window) * window
        return min(seconds + self._silence / self.frames_per_second, window)

    def _mel(self, windows: list[np.ndarray], lengths: Tensor) -> Tensor:
        """Return log-mel spectra, [windows, bins, mel frames], 0 behind `lengths` frames.

        They are those of windows of 30 s, cut off: of a frame more, because the last spectrum reads 40 samples of it.
        """
        longest = int(lengths.max())
        samples = min((longest + 1) * self.samples_per_frame, self._features.n_samples)
        extracted = self._features(windows, sampling_rate=self.sample_rate, max_length=samples, return_tensors="pt")
        mel = extracted.input_features[:, :, : longest * self._mel_per_frame]
        behind = torch.arange(mel.shape[2]) >= lengths[:, None] * self._mel_per_frame
        return mel.masked_fill(behind[:, None], 0.0)


def encode(encoder: WhisperEncoder, mel: Tensor, lengths: Tensor) -> Tensor:
    """Run Whisper's encoder on recordings of any lengths, each as if it were alone: [recordings, frames, width].

    transformers' own forward pass takes windows of 30 s alone, and no mask. Zeros behind a spectrum are what the
    convolutions themselves pad it with, so they need no mask; attention does.

    Args:
        mel: log-mel spectra, [recordings, bins, mel frames], 0 behind the end of each recording.
        lengths: frames of each recording, int64 [recordings]; what is behind them in the result has no meaning.
    """
    hidden = functional.gelu(encoder.conv1(mel))
    hidden = functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
    count = hidden.shape[1]
    hidden = hidden + encoder.embed_positions.weight[:count]
    mask = None
    if lengths.min() < count:
        behind = torch.arange(count, device=mel.device) >= lengths[:, None]
        mask = torch.zeros(behind.shape, dtype=mel.dtype, device=mel.device)
        mask = mask.masked_fill(behind, torch.finfo(mel.dtype).min)[:, None, None]
    for layer in encoder.layers:
        hidden = layer(hidden, mask)
    return encoder.layer_norm(hidden)
