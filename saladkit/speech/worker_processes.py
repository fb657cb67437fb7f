"""Processes that share work on speech: each has one thread, ends with its parent, and is replaced if it dies."""

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class WorkerProcesses:
    """`count` processes, started when there is work; with a `count` of 1 this process works. Use as a context.

    Processes are spawned, not forked: an engine's library must not be shared, and a fork of a process with threads
    hangs.
    """

    def __init__(self, count: int):
        self.count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "WorkerProcesses":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, work: Callable[[list[Item]], Made], chunks: Iterable[list[Item]]
    ) -> Iterator[tuple[list[Item], Made | None]]:
        """Yield each chunk with what `work` makes of it, as they are done; None if a process died meanwhile.

        A process that dies, an engine's fault, takes the chunks of the other processes with it. To find the chunk at
        fault, run each of them again with `run_alone`.
        """
        if self.count == 1:
            yield from ((chunk, work(chunk)) for chunk in chunks)
            return
        futures, lost = {}, []
        for chunk in chunks:
            try:
                futures[self._running().submit(work, chunk)] = chunk
            except BrokenProcessPool:
                lost.append(chunk)
        for future in as_completed(futures):
            try:
                made = future.result()
            except BrokenProcessPool:
                lost.append(futures[future])
            else:
                yield futures[future], made
        if lost:
            self.close()
        yield from ((chunk, None) for chunk in lost)

    def run_alone(self, work: Callable[[list[Item]], Made], item: Item) -> Made | None:
        """Return what `work` makes of one item, or None if its process died."""
        ((_, made),) = self.run(work, [[item]])
        return made

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            spawning = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, mp_context=spawning, initializer=_begin)
        return self._pool

    def close(self) -> None:
        """End the processes; new ones start when there is work again."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _begin() -> None:
    """Give torch one thread, before an aligner or a recognizer imports it; and end with the parent.

    A parent that is killed does not tell its workers: they would wait for ever, each with a model in memory.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:  # None in a process that multiprocessing did not start: there is nothing to wait for
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
