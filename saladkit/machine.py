"""The machine: devices, cores, and the processes of a distributed training."""

import os
from contextlib import AbstractContextManager, nullcontext

from saladkit.errors import SaladError

# How often a waiting OpenMP thread looks for work before it sleeps. libgomp's default is 300,000 (milliseconds): beside
# one other busy thread, training on two cores then keeps a quarter of its speed, and with 700 half of it. Without other
# work 700 is as fast. benchmarks/waiting_threads.py measures both.
SPINS = 700


def share_cores() -> None:
    """Let torch's waiting threads sleep soon, so that they leave the cores to work that needs them.

    Call this before torch is imported, because its OpenMP library reads the variable when it loads. Processes started
    later inherit the setting. GOMP_SPINCOUNT and OMP_WAIT_POLICY of the user win.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


def resolve_device(name: str) -> str:
    """Check that a device exists, and replace `auto` by the best one: cuda, mps or cpu.

    Raises:
        SaladError: the device does not exist.
    """
    if name == "cpu":
        return name
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if available[device])
    if not available[name]:
        raise SaladError(f"torch sees no {name} device here", "Use --device auto, or run `saladkit doctor`.")
    return name


def processes() -> int:
    """Return the number of processes of this training (`accelerate launch`, `torchrun`); 1 unless distributed."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_main_process() -> bool:
    """Return whether this process writes the files that all processes of a training share."""
    return int(os.environ.get("RANK", 0)) == 0


def main_process_first(device: str) -> AbstractContextManager:
    """Return a context that the main process runs before all other processes enter it."""
    if processes() == 1:
        return nullcontext()
    from accelerate import PartialState

    return PartialState(cpu=device == "cpu").main_process_first()


def available_cores() -> int:
    """Return the number of cores that this process may run on; a container's quota of CPU time is not considered."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
