"""The machine: its devices, its cores, and the processes that train together on it."""

import os
from contextlib import AbstractContextManager, nullcontext

from saladkit.errors import SaladError


def resolve_device(name: str) -> str:
    """`auto` becomes the best device there is.

    Raises:
        SaladError: the device asked for is not there.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there[name]:
        raise SaladError(f"torch sees no {name} device here", "Use --device auto, or run `saladkit doctor`.")
    return name


def processes() -> int:
    """How many processes train together (`accelerate launch`, `torchrun`); 1 where nobody has begun several."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_main_process() -> bool:
    """Whether this is the one of them that writes what all share."""
    return int(os.environ.get("RANK", 0)) == 0


def main_process_first(device: str) -> AbstractContextManager:
    """A block that the main process runs through before the others enter it."""
    if processes() == 1:
        return nullcontext()
    from accelerate import PartialState

    return PartialState(cpu=device == "cpu").main_process_first()


def available_cores() -> int:
    """Cores that this process may run on, by its affinity; a container's quota of time is not seen."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
