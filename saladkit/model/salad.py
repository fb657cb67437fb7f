"""SaladForCausalLM: a text language model that also reads speech, saved and loaded as Hugging Face models are."""

import copy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.cache_utils import Cache
from transformers.modeling_outputs import CausalLMOutputWithPast

from saladkit.batches import batches_by_length
from saladkit.model.cache_name import CACHE
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import silence_of
from saladkit.model.lora import LoraShape, add_lora
from saladkit.model.speech_adapter import SpeechAdapter
from saladkit.model.speech_encoder import speech_encoder_of
from saladkit.model.spoken_generation import SaladGenerationMixin
from saladkit.model.trained_part import HUB, complete
from saladkit.teacher.head import LossAt, head_loss

SPAN_GROUPS = 4


@dataclass
class SaladOutput(CausalLMOutputWithPast):
    """What one forward pass gives.

    Attributes:
        logits: [P, V] where `logits_at` named P positions, else [B, L, V].
        cache, or past_key_values before transformers 5.24: the language model's cache, if it was asked for.
        speech_vectors: the adapter's output [S, T, hidden_size]; None without speech.
        loss, divergence, nll: sums of `HeadLoss`, where a loss was asked for in the place of logits.
    """

    speech_vectors: Tensor | None = None
    divergence: Tensor | None = None
    nll: Tensor | None = None


def run_language_model(
    language_model: PreTrainedModel,
    logits_at: Tensor | None,
    asked: list[LossAt] | None = None,
    logits_to_keep: int = 0,
    **arguments: object,
) -> SaladOutput:
    """Run a causal LM's decoder, and its head on the flat positions `logits_at` alone, or on each row's last ones.

    Without either (None, 0) on all positions. With `asked` the head gives the loss at the flat positions, one after
    another, and no logits.
    """
    outputs = language_model.get_decoder()(**arguments)
    hidden = outputs.last_hidden_state
    if logits_at is not None:
        hidden = hidden.flatten(0, 1)[logits_at]
    elif logits_to_keep:
        hidden = hidden[:, -logits_to_keep:]
    if asked is not None:
        found = head_loss(hidden, language_model.get_output_embeddings(), asked)
        return SaladOutput(loss=found.total, divergence=found.divergence, nll=found.nll)
    logits = language_model.get_output_embeddings()(hidden)
    return SaladOutput(logits=logits, **{CACHE: getattr(outputs, CACHE, None)})


def embedding_length(language_model: PreTrainedModel) -> Tensor:
    """The median length of a token's vector, as the language model is given it.

    Some kinds (Gemma 3) scale what stands in the table on its way.
    """
    table = language_model.get_input_embeddings()
    one = table.weight.float().norm(dim=-1).argmax()
    scale = table(one[None])[0].float().norm() / table.weight[one].float().norm()
    return scale * table.weight.float().norm(dim=-1).median()


class TextModel(torch.nn.Module):
    """A text LLM behind SaladForCausalLM's forward, so that both are measured by the same code."""

    def __init__(self, language_model: PreTrainedModel):
        super().__init__()
        self.language_model = language_model

    def forward(self, input_ids: Tensor, logits_at: Tensor | None = None, **arguments: object) -> SaladOutput:
        """As SaladForCausalLM.forward, without speech."""
        return run_language_model(self.language_model, logits_at, input_ids=input_ids, **arguments)


class SaladForCausalLM(PreTrainedModel, SaladGenerationMixin):
    """Speech encoder, adapter and language model in one causal sequence; text out."""

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
        self.modality_embeddings = None  # of TEXT_FOLLOWS and SPEECH_FOLLOWS
        if config.modality_tokens:
            self.modality_embeddings = torch.nn.Parameter(torch.zeros(2, config.text_config.hidden_size))
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        # In training every layer runs in every batch, and as often: FSDP's processes wait for each other.
        self.runs_all = False
        self.post_init()

    @classmethod
    def from_text_model(cls, language_model: PreTrainedModel, config: SaladConfig) -> "SaladForCausalLM":
        """A model that is about to learn to hear: a text LLM's weights, encoder and adapter from a random start."""
        config.text_config = language_model.config
        model = cls(config)
        model.language_model.load_state_dict(language_model.state_dict())
        model.generation_config = copy.deepcopy(language_model.generation_config)
        with torch.no_grad():
            length = embedding_length(language_model)
            model.speech_adapter.length.copy_(length)
            if config.modality_tokens:
                directions = torch.nn.functional.normalize(torch.randn_like(model.modality_embeddings), dim=-1)
                model.modality_embeddings.copy_(length * directions)
        return model.to(language_model.dtype)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None,
        *arguments: object,
        config: SaladConfig | None = None,
        merge_lora: bool = True,
        **settings: object,
    ) -> "SaladForCausalLM":
        """As transformers' models; a checkpoint of what was trained alone is completed by the text LLM that it names.

        Args:
            merge_lora: whether LoRA of such a checkpoint becomes a part of the weights, or stays to be trained on.

        Raises:
            SaladError: as `trained_part.complete`.
        """
        hub = {key: settings[key] for key in HUB if key in settings}
        stored = SaladConfig.from_pretrained(name, **hub) if config is None and name is not None else config
        if stored is not None and stored.text_model is not None:
            return complete(cls, name, stored, merge=merge_lora, **settings)
        return super().from_pretrained(name, *arguments, config=config, **settings)

    def add_lora(self, shape: LoraShape, text_model: dict[str, str]) -> None:
        """Let LoRA alone learn in the language model, whose weights are those of `text_model`: {name, digest}.

        Raises:
            SaladError: as `lora.add_lora`.
        """
        add_lora(self.language_model, shape)
        self.config.lora, self.config.text_model = asdict(shape), text_model

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.language_model.get_input_embeddings()

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.language_model.get_output_embeddings()

    def read(self, input_ids: Tensor, modality_marks: Tensor | None) -> Tensor:
        """Token ids and modality tokens [B, L] -> what the language model is given for them, [B, L, hidden_size]."""
        embeddings = self.get_input_embeddings()(input_ids)
        if modality_marks is None:
            return embeddings
        marks = self.modality_embeddings[(modality_marks - 1).clamp(min=0)].to(embeddings.dtype)
        return torch.where((modality_marks > 0)[..., None], marks, embeddings)

    def _nothing_to_learn(self, speech_vectors: Tensor | None) -> SaladOutput:
        """A loss of 0 that has a gradient, of 0, for what ran: other processes wait for it."""
        trained = next((parameter for parameter in self.parameters() if parameter.requires_grad), None)
        zero = 0.0 if trained is None else 0.0 * trained.sum()
        if speech_vectors is not None:
            zero = zero + 0.0 * speech_vectors.sum()
        return SaladOutput(loss=zero, speech_vectors=speech_vectors)

    def _not_run(self, speech_vectors: Tensor | None, modality_marks: Tensor | None) -> Tensor:
        """A number that depends on all that a batch had no use for."""
        number = torch.zeros((), device=self.device)
        if speech_vectors is None:
            frames = silence_of(self.config).to(self.device)
            number = number + self.hear(frames, torch.ones(1, dtype=torch.int64, device=self.device)).sum()
        if modality_marks is None and self.modality_embeddings is not None:
            number = number + self.modality_embeddings.sum()
        return number

    def hear(self, speech_frames: Tensor, speech_lengths: Tensor, packed: bool = False) -> Tensor:
        """Frames of spans [S, T, width] -> the adapter's vectors [S, T / frames_per_vector, hidden_size].

        What stands beyond a span's own length means nothing.

        Spans run in groups of about one length: where they have 1 to 8 words, 56 % of a batch was padding. `packed`,
        the adapter's layers read all spans in one row, without any.
        """
        per_vector = self.config.frames_per_vector
        adapt = (lambda vectors: vectors) if packed else self.speech_adapter
        groups = []
        spans = len(speech_lengths)
        batches = batches_by_length(speech_lengths.tolist(), items=spans if self.runs_all else -(-spans // SPAN_GROUPS))
        for group in batches:
            longest = int(speech_lengths[group[-1]])
            vectors = adapt(self.speech_encoder(speech_frames[group, : longest * per_vector]))
            missing = speech_frames.shape[1] // per_vector - longest
            groups.append(torch.nn.functional.pad(vectors, (0, 0, 0, missing)))
        vectors = torch.cat(groups)[np.argsort(np.concatenate(batches)).tolist()]
        if not packed:
            return vectors
        steps = torch.arange(vectors.shape[1], device=vectors.device).expand(len(vectors), -1)
        there = steps < speech_lengths[:, None]
        adapted = self.speech_adapter(vectors[there][None], steps[there][None])[0]
        empty = adapted.new_zeros(*vectors.shape[:2], adapted.shape[-1])
        return empty.masked_scatter(there[..., None], adapted)

    def forward(
        self,
        input_ids: Tensor,
        speech_frames: Tensor | None = None,
        speech_mask: Tensor | None = None,
        speech_lengths: Tensor | None = None,
        modality_marks: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: Cache | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        logits_at: Tensor | None = None,
        asked: list[LossAt] | None = None,
        logits_to_keep: int = 0,
        return_dict: bool = True,
    ) -> SaladOutput:
        """Run the model over one interleaved sequence a row.

        Args:
            input_ids: int64 [B, L]; what stands where speech or a modality token goes is not looked at.
            speech_frames: front-end frames of all speech spans of the batch, [S, T, width], in the order in which they
                stand in the rows; T is a multiple of `config.frames_per_vector`. int64 where they are codes.
            speech_mask: bool [B, L], true where a speech vector stands.
            speech_lengths: int64 [S], vectors that each span fills; their sum is the number of true places.
            modality_marks: int64 [B, L], 1 before text that follows speech, 2 before speech, 0 elsewhere; where there
                are modality tokens.
            attention_mask: int64 [B, past + L]; not needed where rows are padded at the end only.
            position_ids: int64 [B, L]; where one row holds several texts, each begins anew, and none sees another.
            cache: keys and values of what stands before these tokens; `past_key_values` is its older name.
            logits_at: int64 [P], flat positions (row * L + column) at which logits are wanted; the language
                model's head, the widest layer there is, then runs on these alone. With none wanted the language
                model is not run at all, and `logits` is None.
            asked: the loss that is wanted at these positions, in the place of their logits; with none, it is 0.
            logits_to_keep: logits of so many last positions of each row are wanted, [B, n, V]; 0 for all. `generate`
                asks for them so.
            return_dict: what `generate` passes; the output is never anything else.
        """
        cache = past_key_values if cache is None else cache
        embeddings = self.read(input_ids, modality_marks)
        vectors = None
        if speech_frames is not None:
            packed = position_ids is not None and cache is None and len(input_ids) == 1
            if speech_frames.is_floating_point():
                speech_frames = speech_frames.to(embeddings.dtype)
            vectors = self.hear(speech_frames, speech_lengths, packed)
            steps = torch.arange(vectors.shape[1], device=vectors.device)
            heard = vectors[steps < speech_lengths[:, None]]  # [sum of lengths, hidden], in row order
            # Under autocast the adapter gives bfloat16 and the embeddings stay in float32.
            embeddings = embeddings.masked_scatter(speech_mask[..., None], heard.to(embeddings.dtype))
        if self.runs_all and self.training:
            embeddings = embeddings + 0.0 * self._not_run(vectors, modality_marks)
        elif logits_at is not None and len(logits_at) == 0:
            return self._nothing_to_learn(vectors)
        outputs = run_language_model(
            self.language_model,
            logits_at,
            asked,
            logits_to_keep,
            inputs_embeds=embeddings,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=use_cache,
            **{CACHE: cache},
        )
        outputs.speech_vectors = vectors
        return outputs
