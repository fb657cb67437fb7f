"""wav2vec 2.0, HuBERT and WavLM, which share their architecture: 16 kHz speech to 50 frames a second."""

import math
from pathlib import Path
from typing import NoReturn, cast

import numpy as np
import torch
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from saladkit.speech.encoders.frozen import (
    as_float16,
    cut_layers,
    frozen,
    load_feature_extractor,
    load_network,
    looks_ahead,
    padded,
    weights_digest,
)


class Wav2Vec2FrontEnd:
    """Compute the hidden states of one layer, float16 [frames, width]; attention is bidirectional.

    Recordings of different lengths run in one batch, padded and masked, if padding cannot change the frames: in models
    whose first layers normalize each frame by itself (`feat_extract_norm` "layer", the large models). Most base models
    ("group") normalize each channel over the whole recording, and these layers take no mask: padding would change every
    frame, so only recordings of equal length share a batch. The same holds for models with HuBERT's batch norm
    (`conv_pos_batch_norm`), which makes masked zeros nonzero (transformers' issue 47739).
    """

    def __init__(self, name: str | Path, layer: int | None, *, device: str, dtype: str):
        """Load the model up to `layer`, counted from 1; None loads all layers and the last norm.

        Raises:
            SaladError: the model does not load, has no feature extractor, or has fewer layers.
        """
        self._features = cast(Wav2Vec2FeatureExtractor, load_feature_extractor(name))  # of HuBERT and WavLM too
        network = cast(Wav2Vec2Model, load_network(name))  # or one of the other two
        config = network.config
        layer = cut_layers(network.encoder, layer, name, normed_last=config.do_stable_layer_norm)
        network.adapter = None  # some fine-tuned models have one, which lowers the frame rate
        self.name = name
        self.sample_rate = self._features.sampling_rate
        self._stride = math.prod(config.conv_stride)  # samples from frame to frame
        self.frames_per_second = self.sample_rate / self._stride
        self.bytes_per_frame = 2 * config.hidden_size
        self.identity = {
            "name": config.model_type,
            "layer": layer,
            "width": config.hidden_size,
            "sample_rate": self.sample_rate,
            "normalized": self._features.do_normalize,
            "frames_per_second": self.frames_per_second,
            "causal": False,
            "weights": weights_digest(network),
            "version": 1,
        }
        self._shortest = 1  # samples that one frame sees: 25 ms
        for kernel, stride in list(zip(config.conv_kernel, config.conv_stride, strict=True))[::-1]:
            self._shortest = (self._shortest - 1) * stride + kernel
        self._may_pad = config.feat_extract_norm == "layer" and not getattr(config, "conv_pos_batch_norm", False)
        self._network = frozen(network, device, dtype)

    def stream(self) -> NoReturn:
        """As `FrontEnd.stream`.

        Raises:
            SaladError: always, because attention is bidirectional.
        """
        raise looks_ahead(self.name)

    @torch.inference_mode()
    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """As `FrontEnd.frames`; a frame sees 25 ms, and begins 20 ms after the frame before.

        A recording shorter than 25 ms is padded with silence.
        """
        normalized = [self._normalized(samples) for samples in recordings]
        alike: dict[int, list[int]] = {}
        for index, samples in enumerate(normalized):
            alike.setdefault(0 if self._may_pad else len(samples), []).append(index)
        rows: dict[int, np.ndarray] = {}
        for group in alike.values():
            rows |= dict(zip(group, self._run([normalized[index] for index in group]), strict=True))
        return [rows[index] for index in range(len(recordings))]

    def frame_count(self, samples: int) -> int:
        """As `FrontEnd.frame_count`."""
        return (max(samples, self._shortest) - self._shortest) // self._stride + 1

    def encoded_seconds(self, seconds: float) -> float:
        """As `FrontEnd.encoded_seconds`: no silence is added."""
        return seconds

    def _normalized(self, samples: np.ndarray) -> np.ndarray:
        samples = np.pad(samples, (0, max(0, self._shortest - len(samples))))
        return self._features(samples, sampling_rate=self.sample_rate, return_tensors="np").input_values[0]

    def _run(self, normalized: list[np.ndarray]) -> list[np.ndarray]:
        lengths = torch.tensor([len(samples) for samples in normalized])
        mask = None
        if lengths.min() < lengths.max():
            mask = (torch.arange(int(lengths.max())) < lengths[:, None]).long().to(self._network.device)
        audio = padded(normalized).to(self._network.device, self._network.dtype)
        hidden = self._network(audio, attention_mask=mask).last_hidden_state
        counts = [self.frame_count(length) for length in lengths.tolist()]
        return [as_float16(row[:count], self.name) for row, count in zip(hidden, counts, strict=True)]
