"""Share an aligner among several processes, each of which aligns one recording at a time."""

from functools import cache, partial

from saladkit.errors import SaladError
from saladkit.speech.aligners.aligner import Aligner, Alignment, Recording, open_aligner
from saladkit.speech.worker_processes import WorkerProcesses


class AlignerInProcesses:
    """Run the aligner `opened`, which uses one core alone, in `workers` processes. Use it as a context."""

    one_core = False

    def __init__(self, opened: Aligner, workers: int, *, scored: bool):
        self.name, self.model, self.identity = opened.name, opened.model, opened.identity
        self._opened, self._processes = opened, WorkerProcesses(workers)
        self._work = partial(_align, name=opened.name, scored=scored)

    def __enter__(self) -> "AlignerInProcesses":
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    @property
    def peak_memory_bytes(self) -> int:
        """The peak memory of the worker processes together."""
        return self._processes.peak_memory_bytes

    def align(self, recordings: list[Recording]) -> list[Alignment | SaladError]:
        """As `Aligner.align`; a recording that makes a process die twice gets an error."""
        if self._processes.count == 1:
            return self._opened.align(recordings)
        found: dict[int, Alignment | SaladError] = {}
        lost = []
        for chunk, aligned in self._processes.run(self._work, [[placed] for placed in enumerate(recordings)]):
            lost += [] if aligned else chunk
            found |= aligned or {}
        for place, recording in lost:
            found |= self._processes.run_alone(self._work, (place, recording)) or {place: _died(recording)}
        return [found[place] for place in range(len(recordings))]


def _died(recording: Recording) -> SaladError:
    seconds = len(recording.samples) / recording.sample_rate
    return SaladError(
        f"the process died while it aligned {seconds:.2f} s of audio", "Remove the row, or try another --aligner."
    )


@cache
def _opened_here(name: str, scored: bool) -> Aligner:
    return open_aligner(name, scored=scored)


def _align(placed: list[tuple[int, Recording]], name: str, scored: bool) -> dict[int, Alignment | SaladError]:
    aligned = _opened_here(name, scored).align([recording for _, recording in placed])
    return {place: alignment for (place, _), alignment in zip(placed, aligned, strict=True)}
