"""A recording that comes in pieces: audio in, vectors of the language model out, as soon as the audio allows."""

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from saladkit.model.front_ends import layout_of
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.speech_encoder import EncoderMemory
from saladkit.rows.sequences import speech_span
from saladkit.speech.audio.resampling import ResamplingStream
from saladkit.speech.front_end import FrontEnd


class StreamedSpan:
    """One speech span that is encoded while it comes in: together its vectors are those of `embed_speech`.

    Resampler, front end, encoder and adapter each remember what later audio needs of earlier audio. Only the adapter's
    keys and values grow: by 2 * layers * kv heads * head width numbers a vector, 31 kB in float32 for the paper's.
    """

    def __init__(self, model: SaladForCausalLM, front_end: FrontEnd, sampling_rate: int):
        """Begin a recording of `sampling_rate` Hz.

        Raises:
            SaladError: the encoder looks ahead, or does not load.
        """
        self._model = model
        self._layout = layout_of(model.config, front_end)
        self._resampling = ResamplingStream(sampling_rate, front_end.sample_rate)
        self._frames = front_end.stream()
        self._waiting: list[np.ndarray] = []  # frames that do not fill a vector yet
        self._memory: EncoderMemory = {}
        self._cache = DynamicCache(config=model.config.adapter_config)

    def feed(self, samples: np.ndarray) -> Tensor:
        """Return the vectors [n, hidden_size] that the next samples, float32 [m], complete; n may be 0."""
        return self._vectors([self._frames.feed(self._resampling.feed(samples))], at_end=False)

    def close(self) -> Tensor:
        """Return the vectors [n, hidden_size] of the end; the last frame is repeated to fill the last vector."""
        return self._vectors([self._frames.feed(self._resampling.close()), self._frames.close()], at_end=True)

    @torch.no_grad()
    def _vectors(self, frames: list[np.ndarray], at_end: bool) -> Tensor:
        joined = np.concatenate([*self._waiting, *frames])
        whole = (
            len(joined) if at_end else len(joined) // self._layout.frames_per_vector * self._layout.frames_per_vector
        )
        self._waiting = [joined[whole:]]
        if not whole:
            return torch.zeros(0, self._model.config.text_config.hidden_size).to(self._model.device, self._model.dtype)
        span = torch.from_numpy(speech_span(joined[:whole], self._layout).frames)[None].to(self._model.device)
        if span.is_floating_point():
            span = span.to(self._model.dtype)
        vectors = self._model.speech_encoder(span, self._memory)
        return self._model.speech_adapter(vectors, cache=self._cache)[0]
