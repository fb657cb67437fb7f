"""Keep Adam's moments beside the checkpoint from before the decay, so that Stage II goes on where Stage I was.

`stable/moments.safetensors` has for each trained parameter NAME its moments `exp_avg.NAME` and `exp_avg_sq.NAME`, of
its shape, and `step.NAME`, the number of its updates. It is read as tensors alone, never unpickled.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import MOMENTS, check_moments
from saladkit.machine import is_main_process
from saladkit.model.salad import SaladForCausalLM
from saladkit.settings.align import AlignSettings
from saladkit.training.sharding import whole

PARTS = ("exp_avg", "exp_avg_sq", "step")


def save_moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Write the moments to `folder`. All processes call this together, and the main one writes.

    Nothing is written for an optimizer other than AdamW, such as one that shards its moments itself (DeepSpeed).
    """
    adam = getattr(optimizer, "optimizer", optimizer)  # accelerate's wrapper has the optimizer inside
    if not isinstance(adam, torch.optim.AdamW):
        return
    found: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        for part, value in adam.state.get(parameter, {}).items():
            if part in PARTS:
                gathered = whole(value)
                if is_main_process():
                    found[f"{part}.{name}"] = gathered.detach().cpu().contiguous()
    if is_main_process():
        save_file(found, folder / MOMENTS)


def moments_for(student: SaladForCausalLM, folder: Path, settings: AlignSettings) -> tuple[Path | None, str | None]:
    """Return the file with the moments of a checkpoint if Stage II can take them, and what to say of it.

    Raises:
        SaladError: the file is damaged.
    """
    file = folder / MOMENTS
    if settings.resume_from_checkpoint is not None:
        return None, None
    if settings.fresh_optimizer:
        reason = "--fresh-optimizer"
    elif not file.is_file():
        reason = f"{folder} has no {MOMENTS}"
    elif settings.lora_rank is not None or _shapes(file) != {
        name: tuple(parameter.shape) for name, parameter in student.named_parameters() if parameter.requires_grad
    }:
        reason = f"{MOMENTS} of {folder} is of other trained weights"
    else:
        check_moments(folder)
        return file, f"the optimizer goes on with the moments of {folder}"
    return None, f"note: the optimizer begins anew ({reason})"


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter's moments, from the file's header."""
    begin = f"{PARTS[0]}."
    try:
        with safe_open(file, framework="pt") as stored:
            names = [name for name in stored.keys() if name.startswith(begin)]
            return {name.removeprefix(begin): tuple(stored.get_slice(name).get_shape()) for name in names}
    except SafetensorError as error:
        raise SaladError(f"{file} is damaged: {error}", "Copy it again, or give --fresh-optimizer.") from error


def load_moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer, file: Path) -> None:
    """Give an AdamW that has made no step yet the moments of a file that `moments_for` has returned."""
    adam, stored = getattr(optimizer, "optimizer", optimizer), load_file(file)
    for name, parameter in model.named_parameters():
        if f"step.{name}" in stored:
            adam.state[parameter] = {part: _like(stored[f"{part}.{name}"], part, parameter) for part in PARTS}


class BeginWithMoments(TrainerCallback):
    """Give the optimizer the moments of a file, unless the run resumes from a state, which has its own."""

    def __init__(self, file: Path):
        self.file = file

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Load them; `kwargs` hold model and optimizer."""
        if state.global_step == 0:
            load_moments(kwargs["model"], kwargs["optimizer"], self.file)


def _like(value: Tensor, part: str, parameter: Tensor) -> Tensor:
    """Return a moment on the device of its parameter, and sharded as it is; the number of updates as it was stored."""
    if part == "step":
        return value
    if isinstance(parameter, DTensor):
        return distribute_tensor(value.to(parameter.device), parameter.device_mesh, parameter.placements)
    return value.to(parameter.device, parameter.dtype)
