"""Work beside the main thread."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class InBackground:
    """One thread beside this one, for work from a queue that holds a few pieces; the caller waits while it is full.

    What a piece raises is raised in the caller, at its next `put` or at the end, and nothing is begun after it.
    """

    def __init__(self, waiting: int = 4):
        self._thread, self._free = ThreadPoolExecutor(max_workers=1), threading.BoundedSemaphore(waiting)
        self._error: BaseException | None = None

    def put(self, work: Callable[..., None], *arguments: object) -> None:
        """Queue one call."""
        self._free.acquire()
        self._raise()
        self._thread.submit(self._run, work, arguments)

    def _run(self, work: Callable[..., None], arguments: tuple) -> None:
        try:
            if self._error is None:
                work(*arguments)
        except BaseException as error:
            self._error = error
        finally:
            self._free.release()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def __enter__(self) -> "InBackground":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            self._raise()
