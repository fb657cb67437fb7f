"""Run a function in a forked process with limits on its memory and time."""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable

MEMORY = 2**30  # bytes that a body may add to the resident memory of the process
_MOST = 4 * MEMORY  # bytes of address space; Arrow reserves 1 GB at once, and uses what it needs
SECONDS = 10  # of a CPU


def run_apart(function: Callable[[], object]) -> str:
    """Run a function in a child of this process; return its traceback, or the signal that ended it, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _run(function, writing)
    os.close(writing)
    with open(reading, encoding="utf-8", errors="replace") as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"{said}\nended by {signal.Signals(os.WTERMSIG(status)).name}"
    return said


def _run(function: Callable[[], object], writing: int) -> None:
    """Run a function and leave this process."""
    try:
        with open("/proc/self/statm") as stream:
            data = int(stream.read().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (data + _MOST, resource.RLIM_INFINITY))
        sys.stderr = open(os.devnull, "w")
        os.dup2(sys.stderr.fileno(), 2)
        function()
    except BaseException:
        os.write(writing, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(0)


class Limited:
    """A body that ends the process when it takes `SECONDS` of a CPU, in whatever library it hangs.

    Raises:
        MemoryError: the body needed more than `MEMORY`.
    """

    def __enter__(self) -> None:
        self._before = _peak()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)

    def __exit__(self, *error: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if _peak() - self._before > MEMORY:
            raise MemoryError(f"{_peak() - self._before:,} bytes more than before")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
