"""Open text LLMs, speech-adapted checkpoints and tokenizers; whatever is wrong with them is said in two lines."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder, model_digest, model_type
from saladkit.model.configuration import SaladConfig
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.teacher.signals import hidden_states


def load_text_model(name: str | Path, *, dtype: str, device: str) -> PreTrainedModel:
    """A causal language model of any Hugging Face kind.

    Raises:
        SaladError: not a model, or one that hears already.
    """
    check_model_folder(name)
    if model_type(name) == "salad":
        raise SaladError(f"{name} is a speech-adapted checkpoint", "Give the text LLM that it was made from.")
    model = _load(AutoModelForCausalLM, name, dtype, device)
    _check_head(model, name)
    return model


@torch.no_grad()
def _check_head(model: PreTrainedModel, name: str | Path) -> None:
    """Raise a SaladError unless the logits are the head's own: distributions and losses are computed from the head."""
    ids = torch.arange(2, device=model.device)[None]
    whole = model(input_ids=ids, use_cache=False).logits
    heads = model.get_output_embeddings()(model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state)
    capped = getattr(model.config, "final_logit_softcapping", None)  # may leave two tokens' logits as they are
    if capped or not _are_same(whole, heads):
        raise SaladError(
            f"{name} is a {model.config.model_type} model that changes the logits of its head (by a cap or a scale)",
            "Give a text LLM without, such as Qwen2.5, Llama 3, Gemma 3 or SmolLM.",
        )


def _are_same(one: Tensor, other: Tensor) -> bool:
    """Up to rounding, which many layers have enlarged. What is not finite is refused where it is used, not here."""
    largest = float(other.abs().max())
    far = torch.finfo(one.dtype).eps ** 0.5
    return not math.isfinite(largest) or torch.allclose(one.float(), other.float(), rtol=far, atol=far * largest)


def load_salad_model(name: str | Path, *, dtype: str, device: str, merge_lora: bool = True) -> SaladForCausalLM:
    """A checkpoint of `distill` or `align`; `merge_lora` as SaladForCausalLM.from_pretrained.

    Raises:
        SaladError: not such a checkpoint.
    """
    check_model_folder(name)
    if model_type(name) not in ("salad", None):
        raise SaladError(
            f"{name} holds a {model_type(name)} model, not a speech-adapted one",
            "Give a checkpoint that `saladkit distill` or `saladkit align` made.",
        )
    return _load(SaladForCausalLM, name, dtype, device, merge_lora=merge_lora)


def use_attention(model: SaladForCausalLM, name: str, *, half_on_gpu: bool) -> None:
    """Let language model and adapter compute their attention as transformers' `attn_implementation` of this name.

    Raises:
        SaladError: what it needs is not installed, the language model does not have it, or FlashAttention is to
            compute in another way than in half precision on a GPU.
    """
    if name == "flash_attention_2" and not half_on_gpu:
        raise SaladError(f"--attention {name} needs a GPU and half precision", "Give --bf16 on a GPU, or use sdpa.")
    try:
        for layers in (model.language_model, model.speech_adapter.layers):
            layers.set_attn_implementation(name)
    except (ImportError, ValueError) as error:
        raise SaladError(f"--attention {name}: {' '.join(str(error).split())}", "Use sdpa, or install it.") from error


@torch.no_grad()
def check_packing(language_model: PreTrainedModel) -> None:
    """Raise a SaladError unless texts that stand in one row are kept apart by positions that begin anew."""
    texts = [np.array([0, 1]), np.array([1, 0])]
    asked = texts, [np.array([1]), np.array([1])], language_model.device
    was_training = language_model.training
    language_model.eval()
    apart, packed = (hidden_states(language_model, *asked, packed) for packed in (False, True))
    language_model.train(was_training)
    if not _are_same(packed, apart):
        raise SaladError(
            f"in a {language_model.config.model_type} model texts that are packed into one row see each other",
            "Give --batching padded.",
        )


def load_processor(name: str | Path) -> SaladProcessor:
    """The tokenizer and the front end of a checkpoint of `distill` or `align`.

    Raises:
        SaladError: not such a checkpoint.
    """
    tokenizer = load_tokenizer(name)
    try:
        return SaladProcessor(tokenizer, SaladConfig.from_pretrained(name))
    except (OSError, ValueError) as error:
        raise SaladError(
            f"{name} is no speech-adapted checkpoint: {error}", "Give one of `saladkit distill`."
        ) from error


def is_same_model(name: str | Path, other: str | Path) -> bool:
    """Whether two names are of one model, by the content of local folders."""
    local = [(Path(model) / "config.json").is_file() for model in (name, other)]
    return str(name) == str(other) or (all(local) and model_digest(name) == model_digest(other))


def load_tokenizer(name: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model; a fast one, since we need to know which characters a token covers.

    Raises:
        SaladError: there is none, or only a slow one.
    """
    check_model_folder(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except Exception as error:  # transformers raises whatever the file at fault led to
        raise SaladError(f"{name}: its tokenizer cannot be loaded: {error}", "Give a complete model folder.") from error
    if not tokenizer.is_fast:
        raise SaladError(f"{name} has only a slow tokenizer", "Convert it to a fast one (tokenizer.json) first.")
    if not tokenizer("a", add_special_tokens=False)["input_ids"]:  # what some classes make of no files at all
        raise SaladError(f"{name} has no tokenizer: its vocabulary is empty", "Give a complete model folder.")
    return tokenizer


def check_tokenizer_fits(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str | Path) -> None:
    """Raise a SaladError if the tokenizer has ids that the model has no vector for."""
    largest, vectors = max(tokenizer.get_vocab().values()), model.get_input_embeddings().num_embeddings
    if largest >= vectors:
        raise SaladError(
            f"{name} has a tokenizer with ids up to {largest}, and a model that knows {vectors} tokens",
            "Give a folder whose tokenizer and weights belong together.",
        )


def _load(kind: type, name: str | Path, dtype: str, device: str, **settings: object):
    try:
        model, notes = kind.from_pretrained(name, dtype=getattr(torch, dtype), output_loading_info=True, **settings)
    except SaladError:
        raise
    except Exception as error:  # transformers and safetensors raise whatever the file at fault led to
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SaladError(f"{name} cannot be loaded as a model: {first_line}", "Give a whole checkpoint.") from error
    if notes["missing_keys"]:
        some = ", ".join(sorted(notes["missing_keys"])[:3])
        raise SaladError(f"{name} lacks weights: {some}", "Give a whole checkpoint.")
    return model.to(device)
