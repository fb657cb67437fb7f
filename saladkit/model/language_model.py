"""Run a language model's decoder, and its head where logits or losses are needed."""

from dataclasses import dataclass

from torch import Tensor
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from saladkit.model.cache_name import CACHE
from saladkit.teacher.head import LossRequest, head_loss


@dataclass
class SaladOutput(CausalLMOutputWithPast):
    """The output of one forward pass.

    Attributes:
        logits: float [B, L, V], or [P, V] if `logits_at` has P positions.
        cache, or past_key_values before transformers 5.24: the language model's keys and values, if `use_cache`.
        speech_vectors: output of the adapter, float [S, T, hidden_size]; None without speech.
        phoneme_logits: output of the phoneme head, float [S, T, phonemes of a vector, phonemes]; None without speech,
            without such a head, or outside training.
        loss, divergence, nll: sums of `HeadLoss`, if a loss was requested instead of logits.
        last_hidden: float [B, L, H] or [P, H], the last hidden states, if the head was not to run.
    """

    speech_vectors: Tensor | None = None
    phoneme_logits: Tensor | None = None
    divergence: Tensor | None = None
    nll: Tensor | None = None
    last_hidden: Tensor | None = None


def run_language_model(
    language_model: PreTrainedModel,
    logits_at: Tensor | None,
    requests: list[LossRequest] | None = None,
    logits_to_keep: int = 0,
    run_head: bool = True,
    **arguments: object,
) -> SaladOutput:
    """Run the decoder of a causal LM, and its head on the positions where logits or losses are needed.

    Args:
        logits_at: int64 [P], flat positions (row * L + column); None for all positions.
        requests: losses to compute at the positions `logits_at`, one after another, instead of logits.
        logits_to_keep: compute logits of this many last positions of each row; 0 for all. Ignored with `logits_at`.
        run_head: False returns the hidden states themselves instead of logits.
        arguments: arguments of the decoder.
    """
    outputs = language_model.get_decoder()(**arguments)
    hidden = outputs.last_hidden_state
    if logits_at is not None:
        hidden = hidden.flatten(0, 1)[logits_at]
    elif logits_to_keep:
        hidden = hidden[:, -logits_to_keep:]
    if requests is not None:
        found = head_loss(hidden, language_model.get_output_embeddings(), requests)
        return SaladOutput(loss=found.total, divergence=found.divergence, nll=found.nll)
    if not run_head:
        return SaladOutput(last_hidden=hidden)
    logits = language_model.get_output_embeddings()(hidden)
    return SaladOutput(logits=logits, **{CACHE: getattr(outputs, CACHE, None)})


def embedding_length(language_model: PreTrainedModel) -> Tensor:
    """Return the median norm of the token embeddings, as the language model's first layer gets them.

    Some models (Gemma 3) scale the rows of the embedding table.
    """
    table = language_model.get_input_embeddings()
    weight = table.get_parameter("weight")
    one = weight.float().norm(dim=-1).argmax()
    scale = table(one[None])[0].float().norm() / weight[one].float().norm()
    return scale * weight.float().norm(dim=-1).median()
