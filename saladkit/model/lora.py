"""LoRA on the language model, by `peft`: add, switch off for a moment, merge.

The layers are injected into the language model, so that the speech-adapted model keeps its class, its forward and its
names; a LoRA weight is called `language_model.….q_proj.lora_A.default.weight`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear as LoraLinear
from peft.utils.other import transpose
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from saladkit.errors import SaladError
from saladkit.settings.training import LoraSettings

ADAPTER = "default"  # peft's name for a model's only adapter


@dataclass(frozen=True)
class LoraShape:
    """The shape of LoRA, as a checkpoint's `config.json` records it.

    Attributes:
        alpha: LoRA is scaled by alpha / rank; None stands for twice the rank.
        dropout: on LoRA's inputs, in training.
        targets: last names of linear layers, such as `q_proj`; empty for every linear layer of the decoder.
    """

    rank: int
    alpha: float | None
    dropout: float
    targets: tuple[str, ...]

    @classmethod
    def of(cls, settings: LoraSettings) -> Self | None:
        """Return the shape that settings ask for; None without LoRA."""
        if not settings.lora_rank:
            return None
        return cls(settings.lora_rank, settings.lora_alpha, settings.lora_dropout, settings.lora_targets)


def add_lora(language_model: PreTrainedModel, shape: LoraShape) -> None:
    """Put LoRA layers into a causal LM and freeze the rest of it; LoRA adds nothing before it is trained.

    Raises:
        SaladError: a target names no linear layer of the decoder.
    """
    decoder = {id(module) for module in language_model.get_decoder().modules()}
    linear = [
        name
        for name, module in language_model.named_modules()
        if id(module) in decoder and isinstance(module, torch.nn.Linear | Conv1D)
    ]
    for target in shape.targets:
        if not any(_is_called(name, target) for name in linear):
            known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise SaladError(f"the text LLM has no linear layer called {target}", f"Choose from: {known}.")
    wanted = [name for name in linear if any(_is_called(name, target) for target in shape.targets or [name])]
    config = LoraConfig(
        r=shape.rank,
        # peft declares an integer, but only divides the number.
        lora_alpha=2 * shape.rank if shape.alpha is None else shape.alpha,  # type: ignore[arg-type]
        lora_dropout=shape.dropout,
        target_modules=wanted,
    )
    inject_adapter_in_model(config, language_model, ADAPTER)


def _is_called(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


@contextmanager
def adapters_off(language_model: PreTrainedModel) -> Iterator[None]:
    """Run the block with LoRA switched off and the language model in eval mode, and then restore both."""
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
    """Return whether a parameter of this name belongs to LoRA."""
    return ".lora_" in name


@torch.no_grad()
def merged_state(model: torch.nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of `model` with LoRA merged into the weights; `model` itself does not change."""
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
    """Merge the LoRA layers into the weights beneath them, and remove the layers."""
    for name, layer in _lora_layers(model):
        layer.merge(adapter_names=[ADAPTER])
        model.set_submodule(name, layer.get_base_layer())
    for module in model.modules():
        if hasattr(module, "peft_config"):
            del module.peft_config
    model.requires_grad_(True)


def _lora_layers(model: torch.nn.Module) -> list[tuple[str, LoraLinear]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, LoraLinear)]
