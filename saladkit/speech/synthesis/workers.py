"""Speak requests in worker processes."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from saladkit.errors import SaladError
from saladkit.settings.synth import Speaking
from saladkit.speech.synthesis.requests import Request
from saladkit.speech.synthesis.row import speak
from saladkit.speech.worker_processes import WorkerProcesses

CHUNK = 16  # rows that a process takes at once; fewer if each process would get less than four chunks
LEAST_TO_GIVE_UP = 16  # consecutive failures of a voice: its server may be down


def _speak_chunk(requests: list[tuple[int, Request]], settings: Speaking) -> list[tuple[int, dict]]:
    return [(place, speak(request, settings)) for place, request in requests]


class Speakers:
    """Run voices in `workers` processes, or in this process if `workers` is 1. Use it as a context."""

    def __init__(self, workers: int, settings: Speaking):
        self._processes, self._settings = WorkerProcesses(workers), settings
        self._failed_since: Counter[str] = Counter()  # voice -> consecutive failed rows

    def __enter__(self) -> "Speakers":
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    @property
    def peak_memory_bytes(self) -> int:
        """The peak memory of the worker processes together."""
        return self._processes.peak_memory_bytes

    def speak(self, requests: list[Request]) -> Iterator[tuple[int, dict]]:
        """Yield each request's place in `requests` with its row, as `row.speak`, in the order of completion.

        If an engine crashes a process, the lost requests are spoken again one by one. A request that crashes the
        process again gets a row without speech.

        Raises:
            SaladError: an engine failed on `LEAST_TO_GIVE_UP` consecutive rows of one voice.
        """
        work, lost = partial(_speak_chunk, settings=self._settings), []
        for chunk, spoken in self._processes.run(work, _chunks(requests, self._processes.count)):
            if spoken is None:
                lost.append(chunk)
            else:
                yield from self._checked(spoken, chunk)
        for row in (row for chunk in lost for row in chunk):
            yield from self._checked(self._processes.run_alone(work, row) or [_died(*row)], [row])

    def _checked(self, spoken: list[tuple[int, dict]], chunk: list[tuple[int, Request]]) -> list[tuple[int, dict]]:
        """Return `spoken`; raise a SaladError if the engine of a voice failed on too many consecutive rows."""
        for (_, row), (_, request) in zip(spoken, chunk, strict=True):
            self._failed_since[request.voice] = self._failed_since[request.voice] + 1 if "failed" in row else 0
            if self._failed_since[request.voice] == LEAST_TO_GIVE_UP:
                raise SaladError(
                    f"{request.voice} failed on {LEAST_TO_GIVE_UP} rows, one after another: {row['reason']}",
                    f"{row['fix']} Run the same command: it goes on where it stopped.",
                )
        return spoken


def _died(place: int, request: Request) -> tuple[int, dict]:
    reason = f"{request.voice}: the process died while it spoke the text"
    fix = "Remove the row, or speak its text with the engine's own program to see what it prints before it dies."
    return place, {"id": request.id, "reason": reason, "fix": fix, "failed": True}


def _chunks(requests: list[Request], workers: int) -> Iterator[list[tuple[int, Request]]]:
    by_voice: dict[str, list[tuple[int, Request]]] = {}
    for place, request in enumerate(requests):
        by_voice.setdefault(request.voice, []).append((place, request))
    size = CHUNK if workers == 1 else max(1, min(CHUNK, len(requests) // (4 * workers)))
    for of_voice in by_voice.values():
        for begin in range(0, len(of_voice), size):
            yield of_voice[begin : begin + size]
