"""Texts -> speech, in worker processes, with a voice given to each row by its id."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import partial

from saladkit.errors import SaladError
from saladkit.speech.synthesis.row import Request, SpeakingSettings, speak
from saladkit.speech.worker_processes import WorkerProcesses

CHUNK = 16  # rows that a process takes at once; fewer where there would be less than four chunks a process
LEAST_TO_GIVE_UP = 16  # rows of one voice that its engine fails one after another: a server is down, say


def request_of_row(id_: str, text: str, voices: list[str], seed: int) -> Request:
    """What a row asks for; voices are even over many rows, and all that is drawn is fixed by seed and id alone."""
    digest = hashlib.sha256(f"{seed}/{id_}".encode()).digest()
    voice = voices[int.from_bytes(digest[:8], "big") % len(voices)]
    return Request(id_, text, voice, int.from_bytes(digest[8:16], "big"))


def _speak_chunk(requests: list[tuple[int, Request]], settings: SpeakingSettings) -> list[tuple[int, dict]]:
    return [(place, speak(request, settings)) for place, request in requests]


class Speakers:
    """Voices in `workers` processes; none beside this one where it is 1. Use as a context."""

    def __init__(self, workers: int, settings: SpeakingSettings):
        self._processes, self._settings = WorkerProcesses(workers), settings
        self._failed_since: Counter[str] = Counter()  # voice -> rows that failed since one that did not

    def __enter__(self) -> "Speakers":
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def speak(self, requests: list[Request]) -> Iterator[tuple[int, dict]]:
        """Each request's place and what `speaking.speak` makes of it, as they come.

        What a process had that died (an engine's own fault) is spoken row by row; a row that kills its process once
        more has that as its reason.

        Raises:
            SaladError: an engine fails on one row after another.
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
        """The same rows, unless the engine of their voice has failed too often."""
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
    return place, {"id": request.id, "reason": reason, "fix": "Look at the engine.", "failed": True}


def _chunks(requests: list[Request], workers: int) -> Iterator[list[tuple[int, Request]]]:
    by_voice: dict[str, list[tuple[int, Request]]] = {}
    for place, request in enumerate(requests):
        by_voice.setdefault(request.voice, []).append((place, request))
    size = CHUNK if workers == 1 else max(1, min(CHUNK, len(requests) // (4 * workers)))
    for of_voice in by_voice.values():
        for begin in range(0, len(of_voice), size):
            yield of_voice[begin : begin + size]
