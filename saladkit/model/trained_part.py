"""Checkpoints that hold only what was trained (speech encoder, adapter and LoRA) and name the text LLM.

`config.json` then has two more entries: `lora`, the shape of LoRA, and `text_model`, name and digest of the model that
LoRA belongs to. That model is a text LLM, or the language model of a speech-adapted checkpoint.
"""

import copy
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedModel
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder, model_digest, model_type
from saladkit.model.configuration import SaladConfig
from saladkit.model.lora import LoraShape, add_lora, is_lora_weight, merge_lora

if TYPE_CHECKING:  # `salad.py` imports this module
    from saladkit.model.salad import SaladForCausalLM

LANGUAGE_MODEL = "language_model."
HUB = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")


def trained_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a model without the weights of the text LLM: speech encoder, adapter and LoRA."""
    return {name: value for name, value in state.items() if not name.startswith(LANGUAGE_MODEL) or is_lora_weight(name)}


def complete(
    kind: type["SaladForCausalLM"],
    name: str | PathLike,
    config: SaladConfig,
    *,
    merge: bool = True,
    dtype: torch.dtype | str | None = None,
    output_loading_info: bool = False,
    **settings: Any,
) -> "SaladForCausalLM | tuple[SaladForCausalLM, dict]":
    """Load the text LLM that the checkpoint `name` refers to, and add what was trained.

    Args:
        kind: SaladForCausalLM.
        merge: merge LoRA into the weights, instead of keeping its layers for further training. Weights are merged in
            float32 and then cast, so that they equal those of the same checkpoint saved with `--save full`.
        dtype: data type of the result; float32, in which checkpoints are saved, if "auto" or None.
        output_loading_info: whether to return transformers' loading information as well.
        settings: where on the Hub the checkpoint is (HUB), and `attn_implementation`.

    Raises:
        SaladError: the text LLM cannot be found or has changed, the weights do not fit it, an entry of `config.json`
            is missing, or a setting is not one of these (such as `device_map`).
    """
    hub, attention = _known_settings(name, settings)
    if config.text_model is None or config.lora is None:
        raise SaladError(
            f"{name}: its config.json has only one of `text_model` and `lora`, which belong together",
            "Give a complete checkpoint.",
        )
    text_model, lora = config.text_model, LoraShape(**config.lora)
    language_model = _text_model(name, text_model, **attention)
    config = copy.deepcopy(config)
    model = kind.from_text_model(language_model, config)
    add_lora(model.language_model, lora)
    # A string: `cached_file` returns None only where its caller asks for that instead of an error.
    state = load_file(cast(str, cached_file(name, SAFE_WEIGHTS_NAME, **hub)))
    expected = trained_state(model.state_dict())
    if state.keys() != expected.keys():
        wrong = ", ".join(sorted(state.keys() ^ expected.keys())[:3])
        raise SaladError(
            f"{name} does not fit {text_model['name']}: its weights differ in {wrong}",
            "Give a complete checkpoint.",
        )
    model.load_state_dict(state, strict=False)
    model.generation_config = GenerationConfig.from_pretrained(name, **hub)
    if merge:
        merge_lora(model.language_model)
        config.lora = config.text_model = None
    if dtype not in (None, "auto"):
        wanted = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        for value in model.state_dict(keep_vars=True).values():  # not `model.to`: rotary frequencies stay in float32
            value.data = value.data.to(wanted)
    notes: dict[str, set | list] = {name: set() for name in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    notes["error_msgs"] = []
    return (model.eval(), notes) if output_loading_info else model.eval()


def _known_settings(name: str | PathLike, settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of HUB, and `attn_implementation` if it is set; raise a SaladError if there are others."""
    hub = {key: settings[key] for key in HUB if key in settings}
    # The Auto classes pass `adapter_kwargs` for checkpoints of peft.
    ignored = {"adapter_kwargs", *hub}
    others = {k: v for k, v in settings.items() if v and not k.startswith("_") and k not in ignored}
    attention = {key: others.pop(key) for key in ("attn_implementation",) if key in others}
    if others:
        listed = ", ".join(sorted(others))
        raise SaladError(
            f"{name} holds only what was trained, and cannot be loaded with {listed}",
            f"Load the checkpoint without {listed}, save the whole model with `save_pretrained`, and load that.",
        )
    return hub, attention


def _text_model(checkpoint: str | PathLike, reference: dict[str, str], **settings: Any) -> PreTrainedModel:
    """Return the text LLM that a checkpoint refers to, in float32; of a speech-adapted one its language model."""
    name = reference["name"]
    elsewhere = f'or write its path into "text_model" of {Path(checkpoint) / "config.json"}'
    try:
        check_model_folder(name)
    except SaladError as error:
        raise SaladError(
            f"{checkpoint} needs the text LLM {name} that it was trained from: {error.problem}",
            f"Put the text LLM at {name}, {elsewhere}.",
        ) from error
    if model_digest(name) != reference["digest"]:
        raise SaladError(
            f"{checkpoint} was trained from {name}, which has changed since then",
            f"Put the original text LLM at {name}, {elsewhere}.",
        )
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, **settings)
    # A SaladForCausalLM, which only `salad.py` may name: it imports this module.
    return cast(PreTrainedModel, model.language_model) if model_type(name) == "salad" else model
