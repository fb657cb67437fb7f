"""LoRA on the language model, by `peft`: put in, switched off for a moment, merged.

The layers are injected into the language model, so that the speech-adapted model keeps its class, its forward and its
names; a LoRA weight is called `language_model.….q_proj.lora_A.default.weight`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from peft.utils.other import transpose
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from saladkit.errors import SaladError

ADAPTER = "default"  # peft's own name for the one that there is


@dataclass(frozen=True)
class LoraOptions:
    """The shape of LoRA.

    Attributes:
        rank: 0 for none, which is full training.
        alpha: what LoRA adds is scaled by alpha / rank; None: twice the rank.
        dropout: of LoRA's inputs, in training.
        targets: last names of linear layers, such as `q_proj`; none: every linear layer of the decoder.
    """

    rank: int
    alpha: float | None = None
    dropout: float = 0.0
    targets: tuple[str, ...] = ()


def add_lora(language_model: PreTrainedModel, options: LoraOptions) -> None:
    """Put LoRA layers into a causal LM and freeze all else of it; at first they add nothing.

    Raises:
        SaladError: a target that names no linear layer of the decoder.
    """
    decoder = {id(module) for module in language_model.get_decoder().modules()}
    linear = [
        name
        for name, module in language_model.named_modules()
        if id(module) in decoder and isinstance(module, torch.nn.Linear | Conv1D)
    ]
    for target in options.targets:
        if not any(_is_called(name, target) for name in linear):
            known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise SaladError(f"the text LLM has no linear layer called {target}", f"It has {known}.")
    wanted = [name for name in linear if any(_is_called(name, target) for target in options.targets or [name])]
    config = LoraConfig(
        r=options.rank,
        lora_alpha=2 * options.rank if options.alpha is None else options.alpha,
        lora_dropout=options.dropout,
        target_modules=wanted,
    )
    inject_adapter_in_model(config, language_model, ADAPTER)


def _is_called(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


@contextmanager
def adapters_off(language_model: PreTrainedModel) -> Iterator[None]:
    """Inside, the language model is the one that LoRA was put into, in eval mode; after it, all is as it was."""
    training, layers = language_model.training, [layer for _, layer in _lora_layers(language_model)]
    language_model.eval()
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)
        language_model.train(training)


def is_lora_weight(name: str) -> bool:
    """Whether a parameter of this name is LoRA's."""
    return ".lora_" in name


@torch.no_grad()
def merged_state(model: torch.nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The whole state of `model` without its LoRA layers, each weight with what they add to it; `model` stays."""
    layers, merged = dict(_lora_layers(model)), {}
    for name, value in state.items():
        owner, inside, last = name.partition(".base_layer.")
        if inside and last == "weight":
            layer = layers[owner]
            a, b = (state[f"{owner}.lora_{part}.{ADAPTER}.weight"] for part in "AB")
            value = value + (transpose(b @ a, layer.fan_in_fan_out) * layer.scaling[ADAPTER]).to(value.dtype)
        if not is_lora_weight(name):
            merged[f"{owner}.{last}" if inside else name] = value
    return merged


def merge_lora(model: torch.nn.Module) -> None:
    """Add what the LoRA layers add to the weights below them, and take the layers out."""
    for name, layer in _lora_layers(model):
        layer.merge(adapter_names=[ADAPTER])
        model.set_submodule(name, layer.get_base_layer())
    for module in model.modules():
        if hasattr(module, "peft_config"):
            del module.peft_config
    model.requires_grad_(True)


def _lora_layers(model: torch.nn.Module) -> list[tuple[str, LoraLayer]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, LoraLayer)]
