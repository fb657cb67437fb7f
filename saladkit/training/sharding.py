"""Gather weights that FSDP has sharded over the processes, and refuse kinds of sharding that training cannot use."""

import json
import os
from pathlib import Path

import torch
from accelerate import FullyShardedDataParallelPlugin
from torch import Tensor
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.distributed.tensor import DTensor

from saladkit.errors import SaladError
from saladkit.machine import is_main_process
from saladkit.model.salad import SaladForCausalLM


def check_sharding(*, own_teacher: bool) -> None:
    """Raise a SaladError if `accelerate launch` was asked for a kind of sharding that cannot be used.

    The loss reads the head's weights without running the head as a layer.
    """
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        if os.environ.get("FSDP_VERSION", "1") != "2":
            raise SaladError("FSDP 1 flattens many weights into one", "Give accelerate launch --fsdp_version 2.")
        if os.environ.get("FSDP_CPU_RAM_EFFICIENT_LOADING", "true").lower() == "true":
            raise SaladError(
                "accelerate would load the weights in one process alone, which is not possible for a frozen encoder",
                "Give accelerate launch --fsdp_cpu_ram_efficient_loading false.",
            )
        if own_teacher:
            raise SaladError(
                "under FSDP a student with its LoRA off cannot be its own teacher",
                "Run `saladkit cache-teacher` first and give its output as --teacher.",
            )
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true" and _zero_stage() == 3:
        raise SaladError("DeepSpeed's ZeRO-3 shards the head's weights", "Use --zero_stage 2, or FSDP 2.")


def _zero_stage() -> int:
    config = os.environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE")
    if config is None:
        return int(os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", 0))
    return json.loads(Path(config).read_text()).get("zero_optimization", {}).get("stage", 0)


def run_in_step(model: SaladForCausalLM, plugin: FullyShardedDataParallelPlugin, *, bf16: bool) -> None:
    """Let all processes run the same layers equally often, whatever their batches hold, and add up in float32."""
    model.runs_all = True
    # Inputs and outputs of the model, such as the loss, keep their type: autocast rounds what may be rounded.
    plugin.mixed_precision_policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if bf16 else None, reduce_dtype=torch.float32, cast_forward_inputs=False
    )


def whole(tensor: Tensor) -> Tensor:
    """Return the tensor, gathered if it is sharded; then every process has to call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_state(model: torch.nn.Module) -> dict[str, Tensor]:
    """Return the state dict, with sharded weights gathered on the CPU.

    All processes must call this; all but the main process get {}.
    """
    state: dict[str, Tensor] = {}
    gathered: dict[int, Tensor] = {}
    for name, weight in model.state_dict(keep_vars=True).items():
        value = weight.detach()
        if not isinstance(value, DTensor):
            state[name] = value
            continue
        if id(weight) not in gathered:  # tied weights are the same tensor
            one = value.full_tensor()  # one at a time: the whole model need not fit one GPU
            gathered[id(weight)] = one.cpu() if is_main_process() else one.new_empty(0)
        state[name] = gathered[id(weight)]
    return state if is_main_process() else {}


def are_finite(model: torch.nn.Module) -> bool:
    """Return whether all weights that this process holds are finite."""
    local = (p.to_local() if isinstance(p, DTensor) else p for p in model.parameters())
    return all(bool(torch.isfinite(values).all()) for values in local)
