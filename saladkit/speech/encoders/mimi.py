"""Mimi (`kyutai/mimi`), a causal neural codec: 24 kHz speech to 12.5 frames a second, each of a few codes."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from transformers import MimiModel
from transformers.models.mimi.modeling_mimi import MimiEuclideanCodebook

from saladkit.errors import SaladError
from saladkit.speech.encoders.frozen import frozen, load_network, looks_ahead, padded, weights_digest


class MimiFrontEnd:
    """Compute the codes of the first `codebooks` codebooks, uint16 [frames, codebooks]; no frame sees later audio.

    A recording is first padded with silence to whole frames. Mimi's convolutions each pad their own input, and its
    `encode` takes no mask: an incomplete last frame would differ between a batch with a longer recording and the
    recording alone (transformers' issue 43377).
    """

    def __init__(self, name: str | Path, codebooks: int, *, device: str, dtype: str):
        """Load the codec without its decoder.

        Raises:
            SaladError: the codec does not load, or has too few codebooks.
        """
        network = cast(MimiModel, load_network(name))
        config = network.config
        if not config.num_semantic_quantizers <= codebooks <= config.num_quantizers:
            raise SaladError(
                f"{name} has {config.num_quantizers} codebooks, {codebooks} were asked for",
                f"Set --codebooks to a number from {config.num_semantic_quantizers} to {config.num_quantizers}.",
            )
        network.decoder = None
        self.name = name
        self.codebooks = codebooks
        self.sample_rate = config.sampling_rate
        self.samples_per_frame = config.frame_size
        self.frames_per_second = config.sampling_rate / config.frame_size
        self.bytes_per_frame = 2 * codebooks
        self.identity = {
            "name": "mimi",
            "codebooks": codebooks,
            "codebook_size": config.codebook_size,
            "width": config.hidden_size,
            "sample_rate": self.sample_rate,
            "frames_per_second": self.frames_per_second,
            "causal": config.use_causal_conv,
            "weights": weights_digest(network),
            "version": 1,
        }
        self._network = frozen(network, device, dtype)

    @torch.inference_mode()
    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """As `FrontEnd.frames`; a recording has ceil(samples / samples_per_frame) frames."""
        lengths = [self.frame_count(len(samples)) for samples in recordings]
        audio = padded(recordings)
        audio = torch.nn.functional.pad(audio, (0, max(lengths) * self.samples_per_frame - audio.shape[1]))
        audio = audio[:, None].to(self._network.device, self._network.dtype)
        codes = self._network.encode(audio, num_quantizers=self.codebooks).audio_codes  # [B, codebooks, T]
        codes = codes.transpose(1, 2).cpu().numpy().astype(np.uint16)
        return [row[:length] for row, length in zip(codes, lengths, strict=True)]

    def stream(self) -> "MimiStream":
        """As `FrontEnd.stream`.

        Raises:
            SaladError: the codec's convolutions are not causal.
        """
        if not self.identity["causal"]:
            raise looks_ahead(self.name)
        return MimiStream(self._network, self.codebooks)

    def frame_count(self, samples: int) -> int:
        """As `FrontEnd.frame_count`."""
        return -(-samples // self.samples_per_frame)

    def encoded_seconds(self, seconds: float) -> float:
        """As `FrontEnd.encoded_seconds`."""
        return seconds

    @torch.inference_mode()
    def codebook_vectors(self) -> torch.Tensor:
        """Return the vector of every code, float32 [codebooks, codebook_size, width].

        It is the code's entry in the codebook, projected by the quantizer's output projection. The sum of the vectors
        of a frame's codes is what Mimi's own decoder reads.
        """
        quantizer = self._network.quantizer
        vectors = []
        for residual in (quantizer.semantic_residual_vector_quantizer, quantizer.acoustic_residual_vector_quantizer):
            for layer in residual.layers:
                table: torch.Tensor = cast(MimiEuclideanCodebook, layer.codebook).embed.float()
                if residual.output_proj is not None:
                    table = table @ residual.output_proj.weight[:, :, 0].float().T
                vectors.append(table)
        return torch.stack(vectors[: self.codebooks]).cpu()


class MimiStream:
    """Compute the codes of one recording that comes in pieces (`FrameStream`).

    Every convolution remembers the end of its input, and attention the keys and values of its last 250 positions
    (10 s), so memory does not grow with the recording.
    """

    def __init__(self, network: MimiModel, codebooks: int):
        """Begin a recording."""
        self._network, self._codebooks = network, codebooks
        self._waiting = np.zeros(0, np.float32)  # less than a frame
        self._state: dict = {}

    @torch.inference_mode()
    def feed(self, samples: np.ndarray) -> np.ndarray:
        """As `FrameStream.feed`."""
        samples, frame = np.concatenate([self._waiting, samples]), self._network.config.frame_size
        whole = len(samples) // frame * frame
        samples, self._waiting = samples[:whole], samples[whole:]
        if not whole:
            return np.zeros((0, self._codebooks), np.uint16)
        audio = torch.from_numpy(samples)[None, None].to(self._network.device, self._network.dtype)
        made = self._network.encode(audio, num_quantizers=self._codebooks, use_streaming=True, **self._state)
        # `encoder_past_key_values` is called `encoder_cache` since transformers 5.24.
        self._state = {name: value for name, value in made.items() if name.endswith(("cache", "past_key_values"))}
        return made.audio_codes[0].T.cpu().numpy().astype(np.uint16)

    def close(self) -> np.ndarray:
        """As `FrameStream.close`: silence fills the last frame."""
        return self.feed(np.zeros(-len(self._waiting) % self._network.config.frame_size, np.float32))
