"""What a worker on Ray runs: the same command line as the driver's, in a process of its own."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

LAST_LINES = 30  # of stderr, which a failed worker shows
PR_SET_PDEATHSIG = 1  # of Linux' prctl


@dataclass(frozen=True)
class Outcome:
    """How a worker's command ended.

    Attributes:
        host: where it ran.
        code: its exit status; negative for a signal.
        lines: the last lines that it wrote, without progress bars.
    """

    host: str
    code: int
    lines: list[str]


def run_command(arguments: list[str], folder: str, cores: int) -> Outcome:
    """Run `saladkit ARGUMENTS` in `folder`, with as many threads as the worker has cores."""
    command = [sys.executable, "-m", "saladkit", *arguments]
    # What variables set stands in the arguments; SALADKIT_…_ON would let this worker start workers of its own.
    others = {name: value for name, value in os.environ.items() if not name.startswith("SALADKIT_")}
    threads = {"OMP_NUM_THREADS": str(cores)}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=others | threads,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    assert process.stdout is not None
    # A progress bar writes over itself: of its line only what stands behind the last carriage return counts.
    shown = (line.decode(errors="replace").rstrip().rpartition("\r")[2] for line in process.stdout)
    lines = deque(shown, maxlen=LAST_LINES)
    return Outcome(socket.gethostname(), process.wait(), list(lines))


def _die_with_parent() -> None:
    """Let the kernel end this process with the worker, so that a worker that dies leaves nothing behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def read_probe(path: str, folder: str) -> tuple[str, str | None]:
    """Return the host, and what it reads in `path`: None if the file or the folder `folder` is not there."""
    try:
        return socket.gethostname(), Path(path).read_text() if Path(folder).is_dir() else None
    except OSError:
        return socket.gethostname(), None
