"""The machine: devices, cores, memory, and the processes of a distributed training."""

import os
import resource
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from saladkit.errors import SaladError

# How OpenMP's threads wait for each other, as benchmarks/waiting_threads.py measures it on two cores. By libgomp's
# default they look for work 300,000 times (milliseconds) before they sleep. With 2,500 an idle machine trains as fast.
# Beside one busy thread, training keeps 0.27 of its speed with 300,000, 0.29 with 2,500, and 0.58 if waiting threads
# sleep at once, which costs 40 % on an idle machine.
SPINS = 2500
BUSY = 0.25  # share of the cores that others use, from which threads sleep at once
_WATCHED = 0.1  # s
_STATUS = Path("/proc/self/status")


def share_cores(watched: float = _WATCHED) -> None:
    """Let the waiting threads of torch leave the cores to work that needs them, by what runs on the machine now.

    Call this before torch is imported, because its OpenMP library reads the variables when it loads. The results of a
    command do not depend on them. GOMP_SPINCOUNT and OMP_WAIT_POLICY of the user win.

    Args:
        watched: s to look at the cores; longer where the answer is for many commands.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ |= waiting_variables(busy_share(watched))


def waiting_variables(busy: float) -> dict[str, str]:
    """Return the variables that say how OpenMP's threads wait if others use this share of the cores."""
    return {"OMP_WAIT_POLICY": "passive"} if busy >= BUSY else {"GOMP_SPINCOUNT": str(SPINS)}


def busy_share(watched: float = _WATCHED) -> float:
    """Return the share of this process's cores that others use in the next `watched` seconds, in [0, 1].

    It is 0 where the system does not tell.
    """
    before = _core_times()
    time.sleep(watched if before else 0)
    after = _core_times()
    total = sum(after[core][0] - spent for core, (spent, _) in before.items())
    idle = sum(after[core][1] - rested for core, (_, rested) in before.items())
    return 1 - idle / total if total else 0.0


def _core_times() -> dict[int, tuple[int, int]]:
    """Return all ticks and the idle ticks of each core that this process may use, as Linux counts them."""
    table = Path("/proc/stat")
    if not hasattr(os, "sched_getaffinity") or not table.exists():
        return {}
    cores = {f"cpu{core}": core for core in os.sched_getaffinity(0)}
    rows = (line.split() for line in table.read_text().splitlines())
    ticks = {cores[row[0]]: list(map(int, row[1:9])) for row in rows if row and row[0] in cores}
    return {core: (sum(found), found[3] + found[4]) for core, found in ticks.items()}


def peak_memory_bytes() -> int:
    """Return the peak of this process's resident memory, in bytes.

    Not getrusage's `ru_maxrss` where Linux tells better: after a fork and an exec, that begins at the peak of the
    process that forked, so that a worker of 0.2 GB that a command of 0.9 GB has started would count as 0.9 GB.
    """
    status = _STATUS.read_text() if _STATUS.exists() else ""
    found = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
    if found:
        return int(found[0][1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _unit()


def peak_memory_of_a_program_bytes() -> int:
    """Return the peak of the largest program that this process has started and that has ended, in bytes.

    At least the peak of this process when it started the program: see above.
    """
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _unit()


def _unit() -> int:
    return 1 if sys.platform == "darwin" else 1024


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


def is_launched() -> bool:
    """Return whether a launcher (`accelerate launch`, `torchrun`) has started this process."""
    return bool({"WORLD_SIZE", "ACCELERATE_USE_CPU"} & os.environ.keys())


def training_on(device: str) -> str:
    """Say how many processes train on what: a launch that asks for two and gets one is silent about it."""
    import torch

    number = processes()
    what = torch.cuda.get_device_name() if device == "cuda" else device
    threads = f", {torch.get_num_threads()} threads each" if device == "cpu" else ""
    return f"{number} process{'es' * (number > 1)} on {what}{threads}"


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
