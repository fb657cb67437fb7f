"""The most memory that this process has held, and its worker processes."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


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
