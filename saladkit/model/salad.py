"""SaladForCausalLM: a text language model that also reads speech, saved and loaded as Hugging Face models are."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.cache_utils import Cache
from transformers.utils import ModelOutput

from saladkit.model.configuration import SaladConfig
from saladkit.model.speech_adapter import SpeechAdapter
from saladkit.model.speech_encoder import speech_encoder_of
from saladkit.teacher.head import LossAt, head_loss

SPAN_GROUPS = 4


@dataclass
class SaladOutput(ModelOutput):
    """What one forward pass gives.

    Attributes:
        logits: [P, V] where `logits_at` named P positions, else [B, L, V].
        past_key_values: the language model's cache, if it was asked for.
        speech_vectors: the adapter's output [S, T, hidden_size]; None without speech.
        loss, divergence, nll: sums of `HeadLoss`, where a loss was asked for in the place of logits.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Cache | None = None
    speech_vectors: Tensor | None = None
    divergence: Tensor | None = None
    nll: Tensor | None = None


def run_language_model(
    language_model: PreTrainedModel, logits_at: Tensor | None, asked: list[LossAt] | None = None, **arguments: object
) -> SaladOutput:
    """Run a causal LM's decoder, and its head on the flat positions `logits_at` alone (None: on all).

    With `asked` the head gives the loss at these positions, one after another,, and no logits.
    """
    outputs = language_model.get_decoder()(**arguments)
    hidden = outputs.last_hidden_state
    if logits_at is not None:
        hidden = hidden.flatten(0, 1)[logits_at]
    if asked is not None:
        found = head_loss(hidden, language_model.get_output_embeddings(), asked)
        return SaladOutput(loss=found.total, divergence=found.divergence, nll=found.nll)
    logits = language_model.get_output_embeddings()(hidden)
    return SaladOutput(logits=logits, past_key_values=outputs.past_key_values)


class TextModel(torch.nn.Module):
    """A text LLM behind SaladForCausalLM's forward, so that both are measured by the same code."""

    def __init__(self, language_model: PreTrainedModel):
        super().__init__()
        self.language_model = language_model

    def forward(self, input_ids: Tensor, logits_at: Tensor | None = None, **arguments: object) -> SaladOutput:
        """As SaladForCausalLM.forward, without speech."""
        return run_language_model(self.language_model, logits_at, input_ids=input_ids, **arguments)


class SaladForCausalLM(PreTrainedModel):
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
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        self.post_init()

    @classmethod
    def from_text_model(cls, language_model: PreTrainedModel, config: SaladConfig) -> "SaladForCausalLM":
        """A model that is about to learn to hear: a text LLM's weights, encoder and adapter from a random start."""
        config.text_config = language_model.config
        model = cls(config)
        model.language_model.load_state_dict(language_model.state_dict())
        with torch.no_grad():
            model.speech_adapter.length.copy_(model.get_input_embeddings().weight.float().norm(dim=-1).median())
        return model.to(language_model.dtype)

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.language_model.get_input_embeddings()

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.language_model.get_output_embeddings()

    def hear(self, speech_frames: Tensor, speech_lengths: Tensor, packed: bool = False) -> Tensor:
        """Frames of spans [S, T, width] -> the adapter's vectors [S, T / frames_per_vector, hidden_size].

        What stands beyond a span's own length means nothing.

        Spans run in groups of about one length: where they have 1 to 8 words, 56 % of a batch was padding. `packed`,
        the adapter's layers read all spans in one row, without any.
        """
        per_vector = self.config.frames_per_vector
        adapt = (lambda vectors: vectors) if packed else self.speech_adapter
        groups = []
        order = speech_lengths.argsort(stable=True)
        for group in order.chunk(SPAN_GROUPS):
            longest = int(speech_lengths[group[-1]])
            vectors = adapt(self.speech_encoder(speech_frames[group, : longest * per_vector]))
            missing = speech_frames.shape[1] // per_vector - longest
            groups.append(torch.nn.functional.pad(vectors, (0, 0, 0, missing)))
        vectors = torch.cat(groups)[order.argsort()]
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
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        logits_at: Tensor | None = None,
        asked: list[LossAt] | None = None,
    ) -> SaladOutput:
        """Run the model over one interleaved sequence a row.

        Args:
            input_ids: int64 [B, L]; what stands where speech goes is not looked at.
            speech_frames: front-end frames of all speech spans of the batch, [S, T, width], in the order in which they
                stand in the rows; T is a multiple of `config.frames_per_vector`. int64 where they are codes.
            speech_mask: bool [B, L], true where a speech vector stands.
            speech_lengths: int64 [S], vectors that each span fills; their sum is the number of true places.
            attention_mask: int64 [B, past + L]; not needed where rows are padded at the end only.
            position_ids: int64 [B, L]; where one row holds several texts, each begins anew, and none sees another.
            logits_at: int64 [P], flat positions (row * L + column) at which logits are wanted; the language
                model's head, the widest layer there is, then runs on these alone. With none wanted the language
                model is not run at all, and `logits` is None.
            asked: the loss that is wanted at these positions, in the place of their logits.
        """
        embeddings = self.get_input_embeddings()(input_ids)
        vectors = None
        if speech_frames is not None:
            if speech_frames.is_floating_point():
                speech_frames = speech_frames.to(embeddings.dtype)
            packed = position_ids is not None and past_key_values is None and len(input_ids) == 1
            vectors = self.hear(speech_frames, speech_lengths, packed)
            steps = torch.arange(vectors.shape[1], device=vectors.device)
            heard = vectors[steps < speech_lengths[:, None]]  # [sum of lengths, hidden], in row order
            embeddings = embeddings.masked_scatter(speech_mask[..., None], heard)
        if logits_at is not None and len(logits_at) == 0:
            return SaladOutput(speech_vectors=vectors)
        outputs = run_language_model(
            self.language_model,
            logits_at,
            asked,
            inputs_embeds=embeddings,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
        )
        outputs.speech_vectors = vectors
        return outputs


AutoConfig.register("salad", SaladConfig)
AutoModelForCausalLM.register(SaladConfig, SaladForCausalLM)
