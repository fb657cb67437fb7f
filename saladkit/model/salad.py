"""SaladForCausalLM: a language model with text and speech input, saved and loaded as other transformers models."""

import copy
from dataclasses import asdict
from os import PathLike
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.cache_utils import Cache

from saladkit.batches import batches_by_length
from saladkit.model.cache_name import CACHE
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import silence_of
from saladkit.model.heard_speech import HeardSpeech, with_heard
from saladkit.model.language_model import SaladOutput, embedding_length, run_language_model
from saladkit.model.lora import LoraShape, add_lora
from saladkit.model.phoneme_head import PhonemeHead
from saladkit.model.speech_adapter import SpeechAdapter
from saladkit.model.speech_encoder import speech_encoder_of
from saladkit.model.spoken_generation import SaladGenerationMixin
from saladkit.model.trained_part import HUB, complete
from saladkit.teacher.head import LossRequest

SPAN_GROUPS = 4  # groups of similar length in which the speech spans of a batch are encoded


class TextModel(torch.nn.Module):
    """A text LLM with the interface of SaladForCausalLM.forward, so that the same code evaluates both."""

    def __init__(self, language_model: PreTrainedModel):
        super().__init__()
        self.language_model = language_model

    def forward(
        self,
        input_ids: Tensor,
        logits_at: Tensor | None = None,
        requests: list[LossRequest] | None = None,
        logits_to_keep: int = 0,
        run_head: bool = True,
        **arguments: object,
    ) -> SaladOutput:
        """Run the model on text; arguments as SaladForCausalLM.forward."""
        arguments["input_ids"] = input_ids
        return run_language_model(self.language_model, logits_at, requests, logits_to_keep, run_head, **arguments)

    def get_output_embeddings(self) -> torch.nn.Module:
        """Return the head."""
        return self.language_model.get_output_embeddings()


class SaladForCausalLM(PreTrainedModel, SaladGenerationMixin):
    """Speech encoder, adapter and language model: text and speech in one causal sequence in, text out."""

    config: SaladConfig
    config_class = SaladConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    _supports_sdpa = True
    _supports_flash_attn = True
    supports_gradient_checkpointing = True

    def __init__(self, config: SaladConfig):
        super().__init__(config)
        self.speech_encoder = speech_encoder_of(config)
        self.speech_adapter = SpeechAdapter(config)
        self.phoneme_head = None if config.phonemes is None else PhonemeHead(config)
        self.modality_embeddings: torch.nn.Parameter | None = None  # of TEXT_FOLLOWS and SPEECH_FOLLOWS
        if config.modality_tokens:
            self.modality_embeddings = torch.nn.Parameter(torch.zeros(2, config.text_config.hidden_size))
        self.language_model: PreTrainedModel = AutoModelForCausalLM.from_config(config.text_config)
        # Whether every training step runs each layer equally often. FSDP needs this: its processes wait for each other.
        self.runs_all = False
        self.post_init()

    @classmethod
    def from_text_model(cls, language_model: PreTrainedModel, config: SaladConfig) -> "SaladForCausalLM":
        """Make an untrained speech-adapted model: the weights of a text LLM, and random speech encoder and adapter."""
        config.text_config = language_model.config
        model = cls(config)
        model.language_model.load_state_dict(language_model.state_dict())
        model.generation_config = copy.deepcopy(language_model.generation_config)
        with torch.no_grad():
            length = embedding_length(language_model)
            model.speech_adapter.start_at_length(length)
            if (embeddings := model.modality_embeddings) is not None:
                embeddings.copy_(length * torch.nn.functional.normalize(torch.randn_like(embeddings), dim=-1))
        return model.to(language_model.dtype)  # type: ignore[arg-type]  # transformers' decorator hides `self`

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | PathLike | None,
        *arguments: Any,
        config: PretrainedConfig | str | PathLike | None = None,
        merge_lora: bool = True,
        **settings: Any,
    ) -> "SaladForCausalLM":
        """Load a checkpoint as other transformers models.

        If the checkpoint holds only what was trained, the text LLM that it names is loaded too.

        Args:
            merge_lora: merge LoRA of such a checkpoint into the weights, instead of keeping its layers for training.

        Raises:
            SaladError: as `trained_part.complete`.
        """
        name, stored = pretrained_model_name_or_path, config
        if stored is None and name is not None:
            stored = SaladConfig.from_pretrained(name, **{key: settings[key] for key in HUB if key in settings})
        if name is not None and isinstance(stored, SaladConfig) and stored.text_model is not None:
            # The type that transformers declares, which leaves out the pair that `output_loading_info` returns.
            return cast(SaladForCausalLM, complete(cls, name, stored, merge=merge_lora, **settings))
        return super().from_pretrained(name, *arguments, config=config, **settings)

    def add_lora(self, shape: LoraShape, text_model: dict[str, str]) -> None:
        """Add LoRA to the language model and freeze the rest of it.

        Args:
            text_model: `name` and `digest` of the model from which the language model's weights were loaded.

        Raises:
            SaladError: as `lora.add_lora`.
        """
        add_lora(self.language_model, shape)
        self.config.lora, self.config.text_model = asdict(shape), text_model

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.language_model.get_input_embeddings()

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.language_model.get_output_embeddings()

    def embed_text(self, input_ids: Tensor, modality_marks: Tensor | None) -> Tensor:
        """Return the embeddings of token ids [B, L] and modality tokens, [B, L, hidden_size]."""
        embeddings = self.get_input_embeddings()(input_ids)
        if modality_marks is None:
            return embeddings
        if self.modality_embeddings is None:
            raise ValueError("modality_marks, but the model has no modality tokens")
        marks = self.modality_embeddings[(modality_marks - 1).clamp(min=0)].to(embeddings.dtype)
        return torch.where((modality_marks > 0)[..., None], marks, embeddings)

    def _zero_loss(self, heard: HeardSpeech | None) -> SaladOutput:
        """Return a loss of 0 with a gradient of 0 for all that ran, because other processes wait for gradients."""
        trained = next((parameter for parameter in self.parameters() if parameter.requires_grad), None)
        zero = torch.zeros((), device=self.device) if trained is None else 0.0 * trained.sum()
        return SaladOutput(loss=zero if heard is None else zero + 0.0 * heard.total())

    def _sum_of_unused(self, heard: HeardSpeech | None, modality_marks: Tensor | None) -> Tensor:
        """Return a number that depends on all parameters that a batch has not used."""
        if heard is None:
            frames = silence_of(self.config).to(self.device)
            heard = self._hear(frames, torch.ones(1, dtype=torch.int64, device=self.device))
        number = heard.total()
        if modality_marks is None and self.modality_embeddings is not None:
            number = number + self.modality_embeddings.sum()
        return number

    def embed_speech(self, speech_frames: Tensor, speech_lengths: Tensor, packed: bool = False) -> Tensor:
        """Encode speech spans and adapt them to the language model.

        Spans run in groups of similar length: in one group, spans of 1 to 8 words make 56 % of a batch padding.

        Args:
            speech_frames: front-end frames of S spans, [S, T, width], padded at the end.
            speech_lengths: int64 [S], number of vectors of each span.
            packed: run the adapter's layers on all spans in one row, without padding.

        Returns:
            Vectors [S, T / frames_per_vector, hidden_size]; vectors beyond the length of a span are undefined.
        """
        return self._hear(speech_frames, speech_lengths, packed).vectors

    def _hear(self, speech_frames: Tensor, speech_lengths: Tensor, packed: bool = False) -> HeardSpeech:
        """Encode speech spans, arguments as `embed_speech`; in training, name their phonemes too."""
        encoded = self._in_groups(self.speech_encoder, speech_frames, speech_lengths, self.config.frames_per_vector)
        logits = self.phoneme_head(encoded) if self.phoneme_head is not None and self.training else None
        if not packed:
            return HeardSpeech(self._in_groups(self.speech_adapter, encoded, speech_lengths), logits)
        steps = torch.arange(encoded.shape[1], device=encoded.device).expand(len(encoded), -1)
        inside = steps < speech_lengths[:, None]
        adapted = self.speech_adapter(encoded[inside][None], steps[inside][None])[0]
        empty = adapted.new_zeros(*encoded.shape[:2], adapted.shape[-1])
        return HeardSpeech(empty.masked_scatter(inside[..., None], adapted), logits)

    def _in_groups(
        self, module: torch.nn.Module, inputs: Tensor, lengths: Tensor, inputs_per_vector: int = 1
    ) -> Tensor:
        """Run a module on spans [S, T, .], those of similar length together; zeros behind the longest of a group."""
        spans = len(lengths)
        groups = batches_by_length(lengths.tolist(), items=spans if self.runs_all else -(-spans // SPAN_GROUPS))
        made = []
        for group in groups:
            longest = int(lengths[group[-1]])
            vectors = module(inputs[group, : longest * inputs_per_vector])
            missing = inputs.shape[1] // inputs_per_vector - longest
            made.append(torch.nn.functional.pad(vectors, (0, 0, 0, missing)))
        return torch.cat(made)[np.argsort(np.concatenate(groups)).tolist()]

    def _heard(
        self,
        speech_frames: Tensor | None,
        speech_vectors: Tensor | None,
        speech_lengths: Tensor | None,
        dtype: torch.dtype,
        packed: bool,
    ) -> HeardSpeech | None:
        """Return the speech spans as they are heard, of their frames where there are any; None without speech."""
        if speech_frames is None:
            return None if speech_vectors is None else HeardSpeech(speech_vectors)
        if speech_lengths is None:
            raise ValueError("speech without speech_lengths")
        if speech_frames.is_floating_point():  # no codes
            speech_frames = speech_frames.to(dtype)
        if self.phoneme_head is None or not self.training:
            return HeardSpeech(self.embed_speech(speech_frames, speech_lengths, packed))
        return self._hear(speech_frames, speech_lengths, packed)

    def forward(
        self,
        input_ids: Tensor,
        speech_frames: Tensor | None = None,
        speech_mask: Tensor | None = None,
        speech_lengths: Tensor | None = None,
        speech_vectors: Tensor | None = None,
        modality_marks: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: Cache | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        logits_at: Tensor | None = None,
        requests: list[LossRequest] | None = None,
        logits_to_keep: int = 0,
        run_head: bool = True,
        return_dict: bool = True,
    ) -> SaladOutput:
        """Run the model on a batch of interleaved sequences.

        Args:
            input_ids: int64 [B, L]; ids at places of speech and modality tokens are ignored.
            speech_frames: front-end frames of all speech spans of the batch, [S, T, width], row after row; int64 for
                codes. T is a multiple of `config.frames_per_vector`.
            speech_mask: bool [B, L], true for speech.
            speech_lengths: int64 [S], vectors of each span; together as many as `speech_mask` has true places.
            speech_vectors: float [S, T, hidden_size], the vectors themselves instead of `speech_frames`, where speech
                was encoded while it came in (`streaming.py`).
            modality_marks: int64 [B, L], 1 for TEXT_FOLLOWS, 2 for SPEECH_FOLLOWS, 0 elsewhere; None without modality
                tokens.
            attention_mask: int64 [B, past + L]; not needed if rows are padded at the end only.
            position_ids: int64 [B, L]; several sequences in one row restart at 0 and do not see each other.
            cache: keys and values of the tokens before these; `past_key_values` is its older name.
            use_cache: whether to return keys and values.
            logits_at: int64 [P], flat positions (row * L + column) of the logits, so that the head, the widest layer,
                runs on these alone. If empty, the language model does not run, and `logits` is None.
            requests: losses to compute at the positions `logits_at` instead of logits; the loss is 0 without positions.
            logits_to_keep: compute logits of this many last positions of each row, [B, n, V]; 0 for all. `generate`
                uses it.
            run_head: False returns the last hidden states instead of logits, for a caller that runs the head in pieces.
            return_dict: passed by `generate`; the output is always a SaladOutput.
        """
        cache = past_key_values if cache is None else cache
        packed = position_ids is not None and cache is None and len(input_ids) == 1
        embeddings = self.embed_text(input_ids, modality_marks)
        heard = self._heard(speech_frames, speech_vectors, speech_lengths, embeddings.dtype, packed)
        if heard is not None:
            embeddings = _with_speech(embeddings, heard.vectors, speech_mask, speech_lengths)
        if self.runs_all and self.training:
            embeddings = embeddings + 0.0 * self._sum_of_unused(heard, modality_marks)
        elif logits_at is not None and len(logits_at) == 0:
            return with_heard(self._zero_loss(heard), heard)
        decoder: dict[str, object] = {"inputs_embeds": embeddings, "attention_mask": attention_mask}
        decoder |= {"position_ids": position_ids, "use_cache": use_cache, CACHE: cache}
        outputs = run_language_model(self.language_model, logits_at, requests, logits_to_keep, run_head, **decoder)
        return with_heard(outputs, heard)


def _with_speech(
    embeddings: Tensor, vectors: Tensor, speech_mask: Tensor | None, speech_lengths: Tensor | None
) -> Tensor:
    """Return embeddings [B, L, hidden] with the vectors [S, T, hidden] of all spans, row after row, at the mask."""
    if speech_mask is None or speech_lengths is None:
        raise ValueError("speech without speech_mask or speech_lengths")
    steps = torch.arange(vectors.shape[1], device=vectors.device)
    speech = vectors[steps < speech_lengths[:, None]]  # [sum of lengths, hidden], in row order
    # Under autocast the adapter's output is bfloat16, and the embeddings stay in float32.
    return embeddings.masked_scatter(speech_mask[..., None], speech.to(embeddings.dtype))
