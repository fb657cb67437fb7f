"""Checkpoints of what was trained alone: encoder, adapter and LoRA; the text LLM stands by its name and its digest.

`config.json` has two more entries then: `lora`, the options of LoRA, and `text_model`, {name, digest} of the model
that they lie upon: a text LLM, or the speech-adapted checkpoint whose language model it is.
"""

import copy
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedModel
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder, model_digest, model_type
from saladkit.model.configuration import SaladConfig
from saladkit.model.lora import LoraShape, add_lora, is_lora_weight, merge_lora

LANGUAGE_MODEL = "language_model."
HUB = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")


def trained_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of a model with LoRA but for the weights that LoRA lies upon."""
    return {name: value for name, value in state.items() if not name.startswith(LANGUAGE_MODEL) or is_lora_weight(name)}


def complete(
    kind: type[PreTrainedModel],
    name: str | Path,
    config: SaladConfig,
    *,
    merge: bool = True,
    dtype: torch.dtype | str | None = None,
    output_loading_info: bool = False,
    **settings: object,
) -> PreTrainedModel | tuple[PreTrainedModel, dict]:
    """Load the text LLM that the checkpoint `name` refers to, and what was trained upon it.

    Args:
        kind: SaladForCausalLM.
        merge: whether LoRA becomes a part of the weights; else its layers stay, to be trained on. Weights are merged in
            float32 and cast then, so that they are those of the same checkpoint saved full.
        dtype: of the result; "auto" and None are float32, in which checkpoints are saved.
        settings: where on the Hub the checkpoint is; `device_map` and the like are not for these checkpoints.

    Raises:
        SaladError: the text LLM is not there, or is another one; weights that do not fit it; an unknown setting.
    """
    hub = {key: settings.pop(key) for key in HUB if key in settings}
    settings.pop("adapter_kwargs", None)  # what the Auto classes pass to peft's own checkpoints
    settings = {key: value for key, value in settings.items() if value and not key.startswith("_")}
    attention = {key: settings.pop(key) for key in ("attn_implementation",) if key in settings}
    if settings:
        raise SaladError(
            f"{name} holds what was trained alone, and cannot be loaded with {', '.join(sorted(settings))}",
            "Load it without, save it full with `save_pretrained`, and load that.",
        )
    language_model = _text_model(name, config.text_model, **attention)
    config, lora = copy.deepcopy(config), LoraShape(**config.lora)
    model = kind.from_text_model(language_model, config)
    add_lora(model.language_model, lora)
    state = load_file(cached_file(name, SAFE_WEIGHTS_NAME, **hub))
    expected = trained_state(model.state_dict())
    if state.keys() != expected.keys():
        wrong = ", ".join(sorted(state.keys() ^ expected.keys())[:3])
        raise SaladError(f"{name} does not fit {config.text_model['name']}: {wrong}", "Give a whole checkpoint.")
    model.load_state_dict(state, strict=False)
    model.generation_config = GenerationConfig.from_pretrained(name, **hub)
    if merge:
        merge_lora(model.language_model)
        config.lora = config.text_model = None
    if dtype not in (None, "auto"):
        wanted = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        for value in model.state_dict(keep_vars=True).values():  # and no more: rotary frequencies stay in float32
            value.data = value.data.to(wanted)
    notes = {"missing_keys": set(), "unexpected_keys": set(), "mismatched_keys": set(), "error_msgs": []}
    return (model.eval(), notes) if output_loading_info else model.eval()


def _text_model(checkpoint: str | Path, reference: dict[str, str], **settings: object) -> PreTrainedModel:
    name = reference["name"]
    where = f'or write its place into "text_model" of {Path(checkpoint) / "config.json"}'
    try:
        check_model_folder(name)
    except SaladError as error:
        raise SaladError(
            f"{checkpoint} needs the text LLM {name} that it was trained upon: {error.problem}",
            f"Put it there, {where}.",
        ) from error
    if model_digest(name) != reference["digest"]:
        raise SaladError(
            f"{checkpoint} was trained upon {name} as it was: what is there now is another model",
            f"Put the text LLM of then there, {where}.",
        )
    model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, **settings)
    return model.language_model if model_type(name) == "salad" else model
