"""One run of a command: its seconds, its memory and its summary."""

import resource
import sys
import time

from saladkit.formats.artefact import ArtefactWriter


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
