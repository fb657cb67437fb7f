"""Compute the emissions of a CTC model, its log probabilities for each frame, in batches and windows.

A recording is padded with zeros to a multiple of half a second, so that its emissions are the same alone and in a
batch. Recordings of equal padded length share a batch; long recordings are cut into overlapping windows. Models whose
feature extractor returns an attention mask ignore the zeros; the others (wav2vec 2.0 base) were trained with zeros.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from saladkit.batches import batches_by_length
from saladkit.speech.audio.resampling import resample

GRID = 0.5  # s
WINDOW, CONTEXT = 30.0, 5.0  # s; where two windows overlap, a frame comes from the window whose edge is farther away
# Batches are for GPUs: on one core a batch of 16 takes 0.6 to 1.7 times as long as its recordings one by one (wav2vec
# 2.0 base, 1 to 10 s), and more memory.
SECONDS_PER_BATCH = {"cpu": 0.0, "cuda": 240.0}
_SHORTEST = 0.1  # s, 4 frames of wav2vec 2.0, which fails on audio shorter than one frame's 25 ms
_TICK = 0.01  # s; the frames of every model are multiples of it


@dataclass(frozen=True)
class Emissions:
    """`log_probs`: float32 [frames, vocabulary], on the CPU; frame i begins at i * `seconds_per_frame`."""

    log_probs: torch.Tensor
    seconds_per_frame: float


@dataclass(frozen=True)
class _Window:
    """Samples [begin, end) of a recording, which give its frames [first, last)."""

    recording: int
    begin: int
    end: int
    first: int
    last: int


class EmissionsReader:
    """A CTC model and its feature extractor, whose attributes transformers declares in no common class."""

    def __init__(self, network: PreTrainedModel, features: Any, *, seconds_per_batch: float | None = None):
        default = SECONDS_PER_BATCH.get(network.device.type, SECONDS_PER_BATCH["cuda"])
        self._seconds_per_batch = default if seconds_per_batch is None else seconds_per_batch
        self._network, self._extractor, self._rate = network, features, features.sampling_rate
        silence = self._padded_features(np.zeros(round(WINDOW * self._rate), np.float32))
        ticks = WINDOW / self._logits([silence]).shape[1] / _TICK
        self._stride = round(ticks) * round(_TICK * self._rate)  # samples a frame
        self.identity = {"grid": GRID, "window": WINDOW, "context": CONTEXT}

    def read(self, recordings: list[tuple[np.ndarray, int]]) -> list[Emissions]:
        """Return the emissions of recordings, each given as float32 [n], mono, in [-1, 1], and its rate in Hz."""
        resampled = []
        for samples, rate in recordings:
            at_rate = resample(samples, rate, self._rate)
            resampled.append(np.pad(at_rate, (0, max(0, round(_SHORTEST * self._rate) - len(at_rate)))))
        windows = [window for number, samples in enumerate(resampled) for window in self._windows(number, len(samples))]
        parts: dict[_Window, torch.Tensor] = {}
        for batch in self._batches(windows):
            logits = self._logits([self._padded_features(resampled[w.recording][w.begin : w.end]) for w in batch])
            for window, of_window in zip(batch, logits, strict=True):
                skipped = window.begin // self._stride
                kept = of_window[window.first - skipped : window.last - skipped]
                parts[window] = kept.float().log_softmax(-1).cpu()
        of_recording = [[parts[window] for window in windows if window.recording == i] for i in range(len(resampled))]
        return [Emissions(torch.cat(found), self._stride / self._rate) for found in of_recording]

    def _windows(self, recording: int, samples: int) -> Iterator[_Window]:
        """Yield one window, or overlapping windows of a long recording; together they give every frame once."""
        stride = self._stride
        size, context = (round(seconds * self._rate) // stride * stride for seconds in (WINDOW, CONTEXT))
        frames = max(1, samples // stride)
        if samples <= size:
            yield _Window(recording, 0, samples, 0, frames)
            return
        begin = covered = 0
        while begin + size < samples:
            last = (begin + size - context) // stride
            yield _Window(recording, begin, begin + size, covered, last)
            begin, covered = begin + size - 2 * context, last
        begin = -(-(samples - size) // stride) * stride  # the last window has full length too
        yield _Window(recording, begin, samples, covered, frames)

    def _batches(self, windows: list[_Window]) -> Iterator[list[_Window]]:
        """Yield batches of windows with equal padded lengths, up to the seconds of a batch."""
        lengths = [self._on_grid(window.end - window.begin) for window in windows]
        for batch in batches_by_length(lengths, padded=self._seconds_per_batch * self._rate, equal=True):
            yield [windows[place] for place in batch]

    def _on_grid(self, samples: int) -> int:
        step = round(GRID * self._rate)
        return -(-samples // step) * step

    def _padded_features(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features of one recording, padded to the grid, without a batch dimension."""
        found = self._extractor(samples, sampling_rate=self._rate, return_tensors="np")
        (values,) = (found[name] for name in self._extractor.model_input_names[:1])
        values = values[0]
        longer = round(len(values) * self._on_grid(len(samples)) / len(samples)) - len(values)
        filled = {self._extractor.model_input_names[0]: np.pad(values, [(0, longer)] + [(0, 0)] * (values.ndim - 1))}
        if "attention_mask" in found:
            filled["attention_mask"] = np.pad(found["attention_mask"][0], (0, longer))
        return filled

    def _logits(self, features: list[dict[str, np.ndarray]]) -> torch.Tensor:
        """Run the model on features of equal length; returns [batch, frames, vocabulary]."""
        stacked = {name: torch.from_numpy(np.stack([one[name] for one in features])) for name in features[0]}
        with torch.inference_mode():
            return self._network(**{name: values.to(self._network.device) for name, values in stacked.items()}).logits
