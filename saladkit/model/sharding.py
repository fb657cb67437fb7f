"""Weights that FSDP has cut over the processes: whole again where one is needed; and what cannot be trained so."""

import json
import os
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from saladkit.errors import SaladError
from saladkit.runtime import is_main_process


def check_sharding(*, own_teacher: bool) -> None:
    """Raise a SaladError where `accelerate launch` was asked to cut weights as these trainings cannot use them.

    The loss reads the head's weights without running it as a layer, which FSDP 2 alone allows.
    """
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        if os.environ.get("FSDP_VERSION", "1") != "2":
            raise SaladError("FSDP 1 makes one flat weight of many", "Give accelerate launch --fsdp_version 2.")
        if own_teacher:
            raise SaladError(
                "under FSDP a student cannot be its own teacher, with its LoRA off",
                "Run `saladkit cache-teacher` first and give its output as --teacher.",
            )
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true" and _zero_stage() == 3:
        raise SaladError("DeepSpeed's ZeRO-3 cuts the head's weights", "Use --zero_stage 2, or FSDP 2.")


def _zero_stage() -> int:
    config = os.environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE")
    if config is None:
        return int(os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", 0))
    return json.loads(Path(config).read_text()).get("zero_optimization", {}).get("stage", 0)


def whole(tensor: Tensor) -> Tensor:
    """The tensor itself, or all parts of it; every process has to ask for it then."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_state(model: torch.nn.Module) -> dict[str, Tensor]:
    """The state dict, what was cut whole and on the CPU: in the main process. The others, which have to ask, get {}."""
    tied = {name: id(parameter) for name, parameter in model.named_parameters(remove_duplicate=False)}
    state, gathered = {}, {}
    for name, value in model.state_dict().items():
        if not isinstance(value, DTensor):
            state[name] = value
            continue
        if tied[name] not in gathered:
            one = value.full_tensor()  # one at a time: the whole model need not fit one GPU
            gathered[tied[name]] = one.cpu() if is_main_process() else None
        state[name] = gathered[tied[name]]
    return state if is_main_process() else {}


def are_finite(model: torch.nn.Module) -> bool:
    """Whether all that this process holds of the weights is."""
    local = (p.to_local() if isinstance(p, DTensor) else p for p in model.parameters())
    return all(bool(torch.isfinite(values).all()) for values in local)
