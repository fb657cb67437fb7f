"""LoRA on the language model, by `peft`: add, switch off for a moment, merge.

The layers are injected into the language model, so that the speech-adapted model keeps its class, its forward and its
names; a LoRA weight is called `language_model.….q_proj.lora_A.default.weight`.

A mixture of experts keeps the weights of all experts of a layer in one tensor [experts, ., .] that belongs to no linear
layer. peft puts one wrapper around the module for each such tensor, one around the other, and adds LoRA in the forward.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Self, cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear as LoraLinear
from peft.tuners.lora.layer import ParamWrapper
from peft.utils.other import transpose
from torch import Tensor
from torch.nn.modules.conv import _ConvNd
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from saladkit.errors import SaladError, first_line
from saladkit.settings.training import LoraSettings

ADAPTER = "default"  # peft's name for a model's only adapter
LoraLayer = LoraLinear | ParamWrapper  # of a linear layer; of the weights of experts


@dataclass(frozen=True)
class LoraShape:
    """The shape of LoRA, as a checkpoint's `config.json` records it.

    Attributes:
        alpha: LoRA is scaled by alpha / rank; None stands for twice the rank.
        dropout: on LoRA's inputs, in training.
        targets: last names of linear layers and of experts' weights, such as `q_proj`; empty for all of the decoder.
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
        SaladError: a target names no linear layer and no experts' weights of the decoder, there is to be dropout for
            experts' weights, which peft does not have, or peft refuses a layer.
    """
    decoder = {id(module) for module in language_model.get_decoder().modules()}
    linear = [
        name
        for name, module in language_model.named_modules()
        if id(module) in decoder and isinstance(module, torch.nn.Linear | Conv1D)
    ]
    experts = [
        f"{name}.{own}"
        for name, module in language_model.named_modules()
        for own, weight in module.named_parameters(recurse=False)
        if id(module) in decoder and weight.ndim == 3 and not isinstance(module, _ConvNd)
    ]
    for target in shape.targets:
        if not any(_is_called(name, target) for name in linear + experts):
            known = ", ".join(sorted({name.rpartition(".")[2] for name in linear + experts}))
            raise SaladError(f"the text LLM has no linear layer called {target}", f"Choose from: {known}.")
    wanted, wanted_experts = (
        [name for name in names if any(_is_called(name, target) for target in shape.targets or [name])]
        for names in (linear, experts)
    )
    if wanted_experts and shape.dropout:
        chosen = " ".join(f"--lora-targets {name}" for name in sorted({name.rpartition(".")[2] for name in linear}))
        raise SaladError(
            f"LoRA on the weights of experts ({wanted_experts[0]}) has no dropout",
            f"Leave out --lora-dropout, or train linear layers alone: {chosen}",
        )
    config = LoraConfig(
        r=shape.rank,
        # peft declares an integer, but only divides the number.
        lora_alpha=2 * shape.rank if shape.alpha is None else shape.alpha,  # type: ignore[arg-type]
        lora_dropout=shape.dropout,
        target_modules=wanted,
        target_parameters=wanted_experts or None,
    )
    try:
        inject_adapter_in_model(config, language_model, ADAPTER)
    except ValueError as error:  # peft refuses layers of some architectures, such as Mamba's
        raise SaladError(
            f"LoRA cannot be put into a {language_model.config.model_type} model: {first_line(error)}",
            "Name other layers with --lora-targets, or train the whole text LLM with --lora-rank 0.",
        ) from error


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
        owner, inside, last = name.rpartition(".base_layer.")
        while inside and owner in layers and _adapted(layers[owner]) != last:  # the wrapper around, of another weight
            owner = owner.removesuffix(".base_layer") if owner.endswith(".base_layer") else ""
        if inside and owner in layers:
            a, b = (state[f"{owner}.lora_{part}.{ADAPTER}.weight"] for part in "AB")
            value = value + _product(layers[owner], a, b).to(value.dtype)
        if not is_lora_weight(name):
            merged[name.replace(".base_layer", "")] = value
    return merged


def _adapted(layer: LoraLayer) -> str:
    """Return the name of the weight that a LoRA layer adapts."""
    return layer.parameter_name if isinstance(layer, ParamWrapper) else "weight"


def _product(layer: LoraLayer, a: Tensor, b: Tensor) -> Tensor:
    """Return what LoRA weights `a` and `b` add to the weight beneath a layer."""
    if isinstance(layer, ParamWrapper):  # by peft's own function, of a copy that holds these weights
        twin = copy.copy(layer)
        held = {"lora_A": {ADAPTER: SimpleNamespace(weight=a)}, "lora_B": {ADAPTER: SimpleNamespace(weight=b)}}
        twin._modules = cast(dict, {**layer._modules, **held})
        return twin.get_delta_weight(ADAPTER)
    return transpose(b @ a, layer.fan_in_fan_out) * layer.scaling[ADAPTER]


def merge_lora(model: torch.nn.Module) -> None:
    """Merge the LoRA layers into the weights beneath them, and remove the layers."""
    layers = dict(_lora_layers(model))
    for name, layer in layers.items():
        layer.merge(adapter_names=[ADAPTER])
        if name.removesuffix(".base_layer") not in layers or not name.endswith(".base_layer"):
            model.set_submodule(name, layer.get_base_layer())
    for module in model.modules():
        if hasattr(module, "peft_config"):
            del module.peft_config
    model.requires_grad_(True)


def _lora_layers(model: torch.nn.Module) -> list[tuple[str, LoraLayer]]:
    """Return the LoRA layers with their names; a wrapper comes before the wrapper that it is around."""
    return [(name, module) for name, module in model.named_modules() if isinstance(module, LoraLayer)]
