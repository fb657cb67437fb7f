"""What every command needs from the machine: a device, a progress bar, its own seconds and memory."""

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

from tqdm import tqdm

from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter


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


def progress(rows: Iterable, *, total: int | None = None, what: str, unit: str = "row", initial: int = 0) -> Iterable:
    """Iterate with a bar on stderr."""
    return tqdm(rows, total=total, desc=what, unit=unit, initial=initial, file=sys.stderr, mininterval=0.5)


def end_progress() -> None:
    """End the bars that an error has left open: what is written next would stand on their line."""
    for bar in list(tqdm._instances):
        bar.close()


def say(line: str) -> None:
    """A note for a person, on stderr."""
    print(line, file=sys.stderr)


class InBackground:
    """One thread beside this one, for work from a queue that holds a few pieces; the caller waits while it is full.

    What a piece raises is raised in the caller, at its next `put` or at the end, and nothing is begun after it.
    """

    def __init__(self, waiting: int = 4):
        self._thread, self._free = ThreadPoolExecutor(max_workers=1), threading.BoundedSemaphore(waiting)
        self._error: BaseException | None = None

    def put(self, work: Callable[..., None], *arguments: object) -> None:
        """Queue one call."""
        self._free.acquire()
        self._raise()
        self._thread.submit(self._run, work, arguments)

    def _run(self, work: Callable[..., None], arguments: tuple) -> None:
        try:
            if self._error is None:
                work(*arguments)
        except BaseException as error:
            self._error = error
        finally:
            self._free.release()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def __enter__(self) -> "InBackground":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            self._raise()


class Run:
    """One run of a command: measures it and forms its summary."""

    def __init__(self, verb: str, workers: int = 1):
        self.verb, self.workers, self.started = verb, workers, time.monotonic()

    def seconds(self) -> float:
        """Wall-clock seconds since the start."""
        return time.monotonic() - self.started

    def peak_memory_bytes(self) -> int:
        """Peak resident memory: this process's, and the largest worker's as many times as there are workers."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        kibibytes = 1 if sys.platform == "darwin" else 1024
        return (own + largest_child * (self.workers if self.workers > 1 else 1)) * kibibytes

    def summary(self, figures: dict, writer: ArtefactWriter | None = None) -> dict:
        """The command's JSON summary; kept beside the manifest if there is one."""
        summary = {
            "command": self.verb,
            **({"output": str(writer.path), "resumed": writer.started_before} if writer else {}),
            **figures,
            "seconds": round(self.seconds(), 2),
            "peak_memory_bytes": self.peak_memory_bytes(),
        }
        if writer:
            writer.record(summary)
        return summary
