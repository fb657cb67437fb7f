"""Share work on speech among processes: each has one thread, ends with its parent, and is replaced if it dies."""

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from saladkit.machine import peak_memory_bytes

Item = TypeVar("Item")
Made = TypeVar("Made")


class WorkerProcesses:
    """`count` worker processes, started at the first work; with a `count` of 1, this process does the work itself.

    Use it as a context. Processes are spawned, not forked: they must not share an engine's library, and a fork of a
    process with threads can hang.
    """

    def __init__(self, count: int):
        self.count = count
        self._pool: ProcessPoolExecutor | None = None
        self._peaks: dict[int, int] = {}  # process -> bytes

    @property
    def peak_memory_bytes(self) -> int:
        """The peak memory of the `count` largest processes that gave a result; 0 without processes."""
        return sum(sorted(self._peaks.values())[-self.count :])

    def __enter__(self) -> "WorkerProcesses":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, work: Callable[[list[Item]], Made], chunks: Iterable[list[Item]]
    ) -> Iterator[tuple[list[Item], Made | None]]:
        """Yield each chunk with the result of `work`, in the order of completion; the result is None for a lost chunk.

        When an engine crashes a process, the chunks of the other processes are lost too. To find the item that crashes
        the engine, run each item of the lost chunks again with `run_alone`.
        """
        if self.count == 1:
            yield from ((chunk, work(chunk)) for chunk in chunks)
            return
        futures, lost = {}, []
        for chunk in chunks:
            try:
                futures[self._running().submit(_measured, work, chunk)] = chunk
            except BrokenProcessPool:
                lost.append(chunk)
        for future in as_completed(futures):
            try:
                process, peak, made = future.result()
            except BrokenProcessPool:
                lost.append(futures[future])
            else:
                self._peaks[process] = max(self._peaks.get(process, 0), peak)
                yield futures[future], made
        if lost:
            self.close()
        yield from ((chunk, None) for chunk in lost)

    def run_alone(self, work: Callable[[list[Item]], Made], item: Item) -> Made | None:
        """Return the result of `work` for one item, or None if its process died."""
        ((_, made),) = self.run(work, [[item]])
        return made

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            spawning = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, mp_context=spawning, initializer=_begin)
        return self._pool

    def close(self) -> None:
        """End the processes; the next work starts new ones."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _measured(work: Callable[[list[Item]], Made], chunk: list[Item]) -> tuple[int, int, Made]:
    made = work(chunk)
    return os.getpid(), peak_memory_bytes(), made


def _begin() -> None:
    """Limit torch to one thread before an aligner or a recognizer imports it, and end this process with its parent.

    A parent that is killed does not tell its workers: each would wait for ever with a model in memory.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:  # None only in the main process
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
