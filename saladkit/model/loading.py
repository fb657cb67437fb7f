"""Load text LLMs, speech-adapted checkpoints and tokenizers; report load failures as SaladError."""

import math
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from saladkit.errors import SaladError, first_line
from saladkit.formats.checkpoint import check_model_folder, model_digest, model_type
from saladkit.model.configuration import SaladConfig
from saladkit.model.limits import read_limits
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.model_limits import largest_id
from saladkit.teacher.signals import hidden_states

Model = TypeVar("Model", bound=PreTrainedModel, covariant=True)


class _Loader(Protocol[Model]):
    """A model class, or one of transformers' Auto classes."""

    def from_pretrained(self, pretrained_model_name_or_path: str | Path, **settings: Any) -> Model: ...


def load_text_model(name: str | Path, *, dtype: str, device: str) -> PreTrainedModel:
    """Load a text LLM of any architecture that transformers knows.

    Args:
        name: folder, or name on the Hub.
        dtype: name of a torch data type.

    Raises:
        SaladError: the model cannot be loaded, is a speech-adapted checkpoint, or changes the logits of its head.
    """
    check_model_folder(name)
    if model_type(name) == "salad":
        raise SaladError(
            f"{name} is a speech-adapted checkpoint, not a text LLM",
            "Give the text LLM that the checkpoint was trained from.",
        )
    model = _load(AutoModelForCausalLM, name, dtype, device)
    _check_head(model, name)
    return model


@torch.no_grad()
def _check_head(model: PreTrainedModel, name: str | Path) -> None:
    """Raise a SaladError unless the logits are the head's output: we compute distributions and losses from the head."""
    ids = torch.arange(2, device=model.device)[None]
    whole = model(input_ids=ids, use_cache=False).logits
    heads = model.get_output_embeddings()(model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state)
    capped = getattr(model.config, "final_logit_softcapping", None)  # may not change the logits of only two tokens
    if capped or not _are_same(whole, heads):
        raise SaladError(
            f"{name} is a {model.config.model_type} model that changes the logits of its head (by a cap or a scale)",
            "Give a text LLM without a cap or a scale, such as Qwen2.5, Llama 3, Gemma 3 or SmolLM.",
        )


def _are_same(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are equal up to rounding errors, which grow over many layers.

    Tensors that are not finite count as equal: they raise an error where they are used.
    """
    largest = float(other.abs().max())
    tolerance = torch.finfo(one.dtype).eps ** 0.5
    return not math.isfinite(largest) or torch.allclose(
        one.float(), other.float(), rtol=tolerance, atol=tolerance * largest
    )


def load_salad_model(name: str | Path, *, dtype: str, device: str, merge_lora: bool = True) -> SaladForCausalLM:
    """Load a checkpoint of `distill` or `align`.

    Args:
        merge_lora: as SaladForCausalLM.from_pretrained.

    Raises:
        SaladError: the checkpoint cannot be loaded, or is another kind of model.
    """
    check_model_folder(name)
    if model_type(name) not in ("salad", None):
        raise SaladError(
            f"{name} holds a {model_type(name)} model, not a speech-adapted one",
            "Give a checkpoint of `saladkit distill` or `saladkit align`.",
        )
    return _load(SaladForCausalLM, name, dtype, device, merge_lora=merge_lora)


def use_attention(model: SaladForCausalLM, name: str, *, half_on_gpu: bool) -> None:
    """Set the attention implementation of language model and adapter.

    Args:
        name: one of transformers' `attn_implementation`.
        half_on_gpu: whether the model runs in half precision on a GPU, which FlashAttention needs.

    Raises:
        SaladError: a package is not installed, or the model does not support this implementation.
    """
    if name == "flash_attention_2" and not half_on_gpu:
        raise SaladError(f"--attention {name} needs a GPU and half precision", "Give --bf16 on a GPU, or use sdpa.")
    try:
        for layers in (model.language_model, model.speech_adapter.layers):
            layers.set_attn_implementation(name)
    except (ImportError, ValueError) as error:
        raise SaladError(
            f"--attention {name}: {' '.join(str(error).split())}",
            "Install the package that this attention needs, or give --attention sdpa.",
        ) from error


@torch.no_grad()
def keeps_rows_apart(language_model: PreTrainedModel) -> bool:
    """Return whether position ids that restart at 0 keep the texts of a line apart; tried on the model."""
    texts = [np.array([0, 1, 0]), np.array([1]), np.array([0])]  # at least two share a line
    arguments = texts, [np.array([1])] * 3, language_model.device
    was_training = language_model.training
    language_model.eval()
    padded, packed = (hidden_states(language_model, *arguments, packed) for packed in (False, True))
    language_model.train(was_training)
    return _are_same(packed, padded)


def may_pack(batching: str, language_model: PreTrainedModel) -> bool:
    """Return whether rows are packed: as `--batching` asks, where `auto` asks the model.

    Raises:
        SaladError: rows are to be packed, and the model does not keep them apart.
    """
    if batching == "padded":
        return False
    apart = keeps_rows_apart(language_model)
    if batching == "packed" and not apart:
        raise SaladError(
            f"in a {language_model.config.model_type} model texts that are packed on one line see each other",
            "Give --batching padded.",
        )
    return apart


def load_processor(name: str | Path) -> SaladProcessor:
    """Load the processor (tokenizer and front end) of a checkpoint of `distill` or `align`.

    Raises:
        SaladError: the tokenizer cannot be loaded, or the folder is no speech-adapted checkpoint.
    """
    tokenizer = load_tokenizer(name)
    try:
        return SaladProcessor(tokenizer, SaladConfig.from_pretrained(name))
    except (OSError, ValueError) as error:
        raise SaladError(
            f"{name} is no speech-adapted checkpoint: {error}",
            "Give a checkpoint of `saladkit distill` or `saladkit align`.",
        ) from error


def is_same_model(name: str | Path, other: str | Path) -> bool:
    """Return whether two names refer to the same model; local folders are compared by content."""
    local = [(Path(model) / "config.json").is_file() for model in (name, other)]
    return str(name) == str(other) or (all(local) and model_digest(name) == model_digest(other))


def load_tokenizer(name: str | Path) -> PreTrainedTokenizerBase:
    """Load the fast tokenizer of a model; only a fast one knows which characters a token covers.

    Raises:
        SaladError: the tokenizer is missing, cannot be loaded or is a slow one.
    """
    check_model_folder(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except Exception as error:  # a damaged file can lead to any exception in transformers
        raise SaladError(f"{name}: its tokenizer cannot be loaded: {error}", "Give a complete model folder.") from error
    if not tokenizer.is_fast:
        raise SaladError(f"{name} has only a slow tokenizer", "Convert the tokenizer to a fast one (tokenizer.json).")
    if not tokenizer("a", add_special_tokens=False)["input_ids"]:  # some classes make this of missing files
        raise SaladError(f"{name} has no tokenizer: its vocabulary is empty", "Give a complete model folder.")
    return tokenizer


def check_tokenizer_fits(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str | Path) -> None:
    """Check that the model has an embedding for every id of the tokenizer.

    Raises:
        SaladError: it lacks one.
    """
    largest, vectors = max(tokenizer.get_vocab().values()), len(model.get_input_embeddings().get_parameter("weight"))
    if largest >= vectors:
        raise SaladError(
            f"{name} has a tokenizer with ids up to {largest}, but a model that knows {vectors} tokens",
            "Give a folder whose tokenizer and weights belong together.",
        )


def check_texts_fit(name: str | Path, texts: dict[str, pa.Table], max_length: int) -> None:
    """Check that a text LLM knows the tokens of the beginnings of texts.

    Args:
        texts: tables with `id` and `text`, by their sources.
        max_length: number of tokens of a text that the model is given, unless it reads fewer.

    Raises:
        SaladError: the model has no embedding of a token.
    """
    tokenizer, limits = load_tokenizer(name), read_limits(name)
    if largest_id(tokenizer) < limits.vocabulary:
        return
    for source, table in texts.items():
        for row in table.select(["id", "text"]).to_pylist():
            ids = tokenizer(row["text"], truncation=True, max_length=limits.at_most(max_length))["input_ids"]
            if reason := limits.why_not_tokens(ids):
                raise SaladError(
                    f"{source}: {name} cannot read row '{row['id']}': {reason}",
                    "Leave out the row, or give another --embedder.",
                )


def _load(kind: _Loader[Model], name: str | Path, dtype: str, device: str, **settings: bool) -> Model:
    try:
        loaded = kind.from_pretrained(name, dtype=getattr(torch, dtype), output_loading_info=True, **settings)
        # transformers declares the model alone, and not the pair that `output_loading_info` returns.
        model, notes = cast(tuple[Model, dict], loaded)
    except SaladError:
        raise
    except Exception as error:  # a damaged file can lead to any exception in transformers and safetensors
        raise SaladError(
            f"{name} cannot be loaded as a model: {first_line(error)}", "Give a complete checkpoint."
        ) from error
    if notes["missing_keys"]:
        some = ", ".join(sorted(notes["missing_keys"])[:3])
        raise SaladError(f"{name} lacks weights: {some}", "Give a complete checkpoint.")
    return model.to(device)  # type: ignore[arg-type]  # transformers' decorator hides `self`
