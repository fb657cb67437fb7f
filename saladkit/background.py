"""Run work in a background thread."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class InBackground:
    """One background thread that runs calls from a bounded queue; `put` waits while the queue is full.

    If a call raises an error, the calls after it are dropped, and the error is raised by the next `put` or at the end
    of the `with` block.
    """

    def __init__(self, waiting: int = 4):
        """Start the thread.

        Args:
            waiting: size of the queue.
        """
        self._thread, self._free = ThreadPoolExecutor(max_workers=1), threading.BoundedSemaphore(waiting)
        self._error: BaseException | None = None

    def put(self, work: Callable[..., None], *arguments: object) -> None:
        """Queue the call `work(*arguments)`."""
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
