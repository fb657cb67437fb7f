"""Requests -> speech, in worker processes."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from saladkit.errors import SaladError
from saladkit.settings.synth import Speaking
from saladkit.speech.synthesis.requests import Request
from saladkit.speech.synthesis.row import speak
from saladkit.speech.worker_processes import WorkerProcesses

CHUNK = 16  # rows that a process takes at once; fewer where there would be less than four chunks per process
LEAST_TO_GIVE_UP = 16  # rows of one voice that its engine fails on one after another: its server may be down


def _speak_chunk(requests: list[tuple[int, Request]], settings: Speaking) -> list[tuple[int, dict]]:
    return [(place, speak(request, settings)) for place, request in requests]


class Speakers:
    """Voices in `workers` processes, or in this process where `workers` is 1. Use as a context."""

    def __init__(self, workers: int, settings: Speaking):
        self._processes, self._settings = WorkerProcesses(workers), settings
        self._failed_since: Counter[str] = Counter()  # voice -> rows that failed since one that did not

    def __enter__(self) -> "Speakers":
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def speak(self, requests: list[Request]) -> Iterator[tuple[int, dict]]:
        """Yield each request's place with what `row.speak` makes of it, in the order in which they are done.

        If a process dies, its engine's fault, the requests that it had are spoken again one by one; a row at which the
        process dies once more has no speech for that reason.

        Raises:
            SaladError: an engine failed on `LEAST_TO_GIVE_UP` rows of one voice, one after another.
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
        """Return `spoken`, unless the engine of its voice has failed too often."""
        for (_, row), (_, request) in zip(spoken, chunk, strict=True):
            self._failed_since[request.voice] = self._failed_since[request.voice] + 1 if "failed" in row else 0
            if self._failed_since[request.voice] == LEAST_TO_GIVE_UP:
                raise SaladError(
                    f"{request.voice} failed on {LEAST_TO_GIVE_UP} rows, one after another: {row['reason']}",
                    f"{row['fix']} The same line run again goes on where it stopped.",
                )
        return spoken


def _died(place: int, request: Request) -> tuple[int, dict]:
    reason = f"{request.voice}: the process died while it was spoken"
    fix = "Leave the row out, or speak it alone with --workers 1 to see what the engine prints before it dies."
    return place, {"id": request.id, "reason": reason, "fix": fix, "failed": True}


def _chunks(requests: list[Request], workers: int) -> Iterator[list[tuple[int, Request]]]:
    by_voice: dict[str, list[tuple[int, Request]]] = {}
    for place, request in enumerate(requests):
        by_voice.setdefault(request.voice, []).append((place, request))
    size = CHUNK if workers == 1 else max(1, min(CHUNK, len(requests) // (4 * workers)))
    for of_voice in by_voice.values():
        for begin in range(0, len(of_voice), size):
            yield of_voice[begin : begin + size]
