"""The front end of a model's speech encoder: chosen when the model is made, opened again wherever it reads audio."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from saladkit.errors import SaladError
from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.rows.sequences import SequenceLayout
from saladkit.settings.distill import DistillSettings
from saladkit.settings.shared import LOG_MEL, PHONES, SpeechEncoder
from saladkit.speech import phone_frames
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.speech.encoders.phones import PhonesFrontEnd
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.front_end import FrameStream, FrontEnd, looks_ahead

VECTORS_PER_SECOND = 12.5  # approximate rate of the adapter's input; Mimi's own rate


@dataclass(frozen=True)
class RecordedFrontEnd:
    """A frozen encoder's front end, as a model's configuration records it.

    The encoder's weights are loaded when audio is first encoded: with a frames cache they are not needed.
    """

    name: str
    identity: dict
    device: str

    @property
    def sample_rate(self) -> int:
        return self.identity["sample_rate"]

    @property
    def frames_per_second(self) -> float:
        return self.identity["frames_per_second"]

    @property
    def bytes_per_frame(self) -> int:
        return self._opened.bytes_per_frame

    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """Return the frames of recordings, as `FrontEnd.frames`.

        Raises:
            SaladError: the encoder cannot be loaded, or is not the one that the model was trained with.
        """
        return self._opened.frames(recordings)

    def stream(self) -> FrameStream:
        """Begin a recording whose samples come in pieces, as `FrontEnd.stream`.

        Raises:
            SaladError: as `frames`, or the encoder's frames depend on later samples.
        """
        return self._opened.stream()

    def frame_count(self, samples: int) -> int:
        """Return the number of frames, as `FrontEnd.frame_count`.

        Raises:
            SaladError: as `frames`.
        """
        return self._opened.frame_count(samples)

    def encoded_seconds(self, seconds: float) -> float:
        """Return the seconds of audio that the encoder reads, as `FrontEnd.encoded_seconds`.

        Raises:
            SaladError: as `frames`.
        """
        return self._opened.encoded_seconds(seconds)

    @cached_property
    def _opened(self) -> FrontEnd:
        shape = {key: self.identity[key] for key in ("codebooks", "layer", "silence") if key in self.identity}
        front_end = open_front_end(SpeechEncoder(encoder=self.name, **shape), device=self.device, dtype="float32")
        if front_end.identity != self.identity:
            changed = [key for key, value in self.identity.items() if front_end.identity.get(key) != value]
            raise SaladError(
                f"{self.name} is not the speech encoder that the model was trained with (other: {', '.join(changed)})",
                f"Put the original encoder at {self.name}, or write its path into `speech_encoder` of the checkpoint's"
                " config.json.",
            )
        return front_end


def front_end_of(config: SaladConfig, *, device: str) -> FrontEnd:
    """Return the front end whose frames a model reads."""
    if config.speech_encoder == PHONES:
        return PhonesFrontEnd()
    if config.frozen_encoder is None:
        return LogMelFrontEnd(bins=config.num_mel_bins)
    return RecordedFrontEnd(config.speech_encoder, config.frozen_encoder, device)


def silence_of(config: SaladConfig) -> Tensor:
    """Return the frames of one vector, all zeros, [1, frames_per_vector, width]."""
    frozen = config.frozen_encoder
    if frozen is None:
        return torch.zeros(1, config.frames_per_vector, config.num_mel_bins)
    if "codebooks" in frozen:
        return torch.zeros(1, config.frames_per_vector, frozen["codebooks"], dtype=torch.int64)
    return torch.zeros(1, config.frames_per_vector, frozen["width"])


def layout_of(config: SaladConfig, front_end: FrontEnd) -> SequenceLayout:
    """Return how rows are laid out for a model with this front end."""
    rate, ahead = front_end.frames_per_second, looks_ahead(front_end.identity)
    return SequenceLayout(rate, config.frames_per_vector, config.modality_tokens, ahead)


def configuration_of(settings: DistillSettings) -> tuple[SaladConfig, Tensor | None]:
    """Return the configuration of a new model, and the vectors of Mimi's codes [codebooks, codes, width].

    The vectors are None for every other encoder. The text LLM's own configuration is not filled in yet.

    Raises:
        SaladError: as `open_front_end`.
    """
    adapter, name = adapter_configuration(settings), settings.encoder
    if name in (LOG_MEL, PHONES):
        config = SaladConfig(
            speech_encoder=name,
            num_mel_bins=settings.bins if name == LOG_MEL else phone_frames.WIDTH,
            encoder_layers=3 if name == LOG_MEL else 1,
            encoder_width=settings.encoder_width,
            encoder_fine_blocks=settings.encoder_fine_blocks if name == LOG_MEL else 0,
            encoder_blocks=settings.encoder_blocks,
            adapter_config=adapter,
            adapter_length=settings.adapter_length,
            modality_tokens=settings.modality_token,
        )
        return config, None
    from saladkit.speech.encoders.mimi import MimiFrontEnd

    front_end = open_front_end(settings, device="cpu", dtype="float32")
    config = SaladConfig(
        speech_encoder=name,
        frozen_encoder=front_end.identity,
        stacked_frames=max(1, round(front_end.frames_per_second / VECTORS_PER_SECOND)),
        adapter_config=adapter,
        adapter_length=settings.adapter_length,
        modality_tokens=settings.modality_token,
    )
    return config, front_end.codebook_vectors() if isinstance(front_end, MimiFrontEnd) else None
