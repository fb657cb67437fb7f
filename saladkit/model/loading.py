"""Open text LLMs, speech-adapted checkpoints and tokenizers; whatever is wrong with them is said in two lines."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder, model_digest, model_type
from saladkit.model.configuration import SaladConfig
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM


def load_text_model(name: str | Path, *, dtype: str, device: str) -> PreTrainedModel:
    """A causal language model of any Hugging Face kind.

    Raises:
        SaladError: not a model, or one that hears already.
    """
    check_model_folder(name)
    if model_type(name) == "salad":
        raise SaladError(f"{name} is a speech-adapted checkpoint", "Give the text LLM that it was made from.")
    return _load(AutoModelForCausalLM, name, dtype, device)


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
