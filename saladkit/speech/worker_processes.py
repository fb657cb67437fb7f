"""Processes that share work on speech: one thread each, none left without its parent, and a dying one replaced."""

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item, Made = TypeVar("Item"), TypeVar("Made")


class WorkerProcesses:
    """`count` processes, begun when there is work; none beside this one where it is 1. Use as a context.

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
        """Each chunk and what `work` makes of it, as they come; None if a process died meanwhile (an engine's fault).

        One that dies takes the chunks of the others with it: who wants to know which it was gives them again, alone.
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
        """What `work` makes of one item, or None if its process died."""
        ((_, made),) = self.run(work, [[item]])
        return made

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            spawning = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, mp_context=spawning, initializer=_begin)
        return self._pool

    def close(self) -> None:
        """End the processes; new ones begin when there is work again."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _begin() -> None:
    """One thread of torch's, which an aligner or a recognizer imports later; and no life without the parent.

    A parent that is killed says nothing to its workers, which would wait for ever, a model each in memory.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
