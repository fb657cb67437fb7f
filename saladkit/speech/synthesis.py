"""Texts -> speech, in worker processes, with a voice given to each row by its id."""

import hashlib
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from saladkit.errors import SaladError
from saladkit.speech.speaking import Request, SpeakingSettings, speak

CHUNK = 16  # rows that a process takes at once; fewer where there would be less than four chunks a process
LEAST_TO_GIVE_UP = 8  # rows of one voice, all failed by its engine: a server is down, say


def request_of_row(id_: str, text: str, voices: list[str], seed: int) -> Request:
    """What a row asks for; voices are even over many rows, and all that is drawn is fixed by seed and id alone."""
    digest = hashlib.sha256(f"{seed}/{id_}".encode()).digest()
    voice = voices[int.from_bytes(digest[:8], "big") % len(voices)]
    return Request(id_, text, voice, int.from_bytes(digest[8:16], "big"))


def _speak_chunk(requests: list[tuple[int, Request]], settings: SpeakingSettings) -> list[tuple[int, dict]]:
    return [(place, speak(request, settings)) for place, request in requests]


def _begin_worker() -> None:
    """One thread of torch's, which an aligner or a recognizer imports later; and no life without the parent.

    A parent that is killed says nothing to its workers, which would wait for ever, a model each in memory.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


class Speakers:
    """`workers` processes that speak; none beside this one where it is 1. Use as a context.

    Processes are spawned, not forked: a voice's library must not be shared, and a fork of a process with threads hangs.
    """

    def __init__(self, workers: int, settings: SpeakingSettings):
        self.workers, self.settings = workers, settings
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Speakers":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def speak(self, requests: list[Request]) -> Iterator[tuple[int, dict]]:
        """Each request's place and what `speaking.speak` makes of it, as they come.

        A process that dies (an engine's own fault) is replaced, and what it had is spoken row by row; a row that kills
        its process once more has that as its reason.

        Raises:
            SaladError: an engine failed on every row of a chunk of at least eight.
        """
        chunks = list(_chunks(requests, self.workers))
        if self.workers == 1:
            for chunk in chunks:
                yield from _checked(_speak_chunk(chunk, self.settings), chunk)
            return
        futures, lost = {}, []
        for chunk in chunks:
            try:
                futures[self._running().submit(_speak_chunk, chunk, self.settings)] = chunk
            except BrokenProcessPool:
                lost.append(chunk)
        for future in as_completed(futures):
            try:
                spoken = future.result()
            except BrokenProcessPool:
                lost.append(futures[future])
            else:
                yield from _checked(spoken, futures[future])
        if lost:
            self._close()
        for chunk in lost:
            yield from _checked([self._once_more(place, request) for place, request in chunk], chunk)

    def _once_more(self, place: int, request: Request) -> tuple[int, dict]:
        """A row of a chunk whose process died, spoken alone."""
        try:
            (spoken,) = self._running().submit(_speak_chunk, [(place, request)], self.settings).result()
        except BrokenProcessPool:
            self._close()
            reason = f"{request.voice}: the process died while it was spoken"
            return place, {"id": request.id, "reason": reason, "failed": True}
        return spoken

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker
            )
        return self._pool

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _chunks(requests: list[Request], workers: int) -> Iterator[list[tuple[int, Request]]]:
    by_voice: dict[str, list[tuple[int, Request]]] = {}
    for place, request in enumerate(requests):
        by_voice.setdefault(request.voice, []).append((place, request))
    size = CHUNK if workers == 1 else max(1, min(CHUNK, len(requests) // (4 * workers)))
    for of_voice in by_voice.values():
        for begin in range(0, len(of_voice), size):
            yield of_voice[begin : begin + size]


def _checked(spoken: list[tuple[int, dict]], chunk: list[tuple[int, Request]]) -> list[tuple[int, dict]]:
    if len(spoken) >= LEAST_TO_GIVE_UP and all("failed" in row for _, row in spoken):
        raise SaladError(
            f"{chunk[0][1].voice} failed on {len(spoken)} rows, one after another: {spoken[-1][1]['reason']}",
            "Look at the engine; the same line run again goes on where it stopped.",
        )
    return spoken
