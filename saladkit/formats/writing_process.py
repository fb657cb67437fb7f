"""Who writes a file: host, process number, and the PID namespace in which that number counts."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

_NAMESPACE = Path("/proc/self/ns/pid")


@dataclass(frozen=True)
class WritingProcess:
    """A process, as it names itself in files that other machines read.

    Attributes:
        host, number: the machine's name, and the process's number.
        namespace: identifies the numbers of one container on one machine (Linux); None where the system has none.
    """

    host: str
    number: int
    namespace: int | None = None

    def __str__(self) -> str:
        """The name of the process in the names of files, which `process_of` reads."""
        return f"{self.host}-{self.number}" + ("" if self.namespace is None else f".{self.namespace}")

    def has_ended(self) -> bool:
        """Return whether the process ran here and runs no more; false for another machine's or container's.

        Containers may share the host's name without sharing its processes. If the namespace was not written down, the
        host alone decides.
        """
        here = this_process()
        return self.host == here.host and self.namespace in (None, here.namespace) and not _runs(self.number)


def this_process() -> WritingProcess:
    """Return the process that calls."""
    try:
        namespace = _NAMESPACE.stat().st_ino
    except OSError:  # macOS has none
        namespace = None
    return WritingProcess(socket.gethostname(), os.getpid(), namespace)


def process_of(name: str) -> WritingProcess | None:
    """Return the process that `str` has written so; None if it is no such name."""
    host, _, numbers = name.rpartition("-")
    number, _, namespace = numbers.partition(".")
    if not (host and number.isdecimal() and (namespace.isdecimal() or numbers == number)):
        return None
    return WritingProcess(host, int(number), int(namespace) if namespace else None)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OverflowError:  # no system has such a number
        return False
    except PermissionError:  # it runs, as another user's
        pass
    return True
