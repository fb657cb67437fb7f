"""Catch what libraries print on stderr, so that it can be said with the row that it is about."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_STDERR = 2
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def native_lines() -> Iterator[list[str]]:
    """Collect the lines that are printed on this process's stderr in the body; yield the list that they will be in.

    The file descriptor itself is redirected, as libraries in C print there and not to `sys.stderr`; lines of Python's
    `logging` and `warnings` are collected too. Several threads take turns. Bars, which other threads may draw
    meanwhile, are passed on. Without a stderr or room for a temporary file, nothing is collected.
    """
    lines: list[str] = []
    with _ONE_AT_A_TIME, ExitStack() as stack:
        try:
            caught = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(_STDERR)
        except OSError:  # no stderr, or no room for a file
            yield lines
            return
        try:
            sys.stderr.flush()
            os.dup2(caught.fileno(), _STDERR)
            yield lines
        finally:
            sys.stderr.flush()
            os.dup2(stderr, _STDERR)
            caught.seek(0)
            _sort(caught.read(), lines, stderr)
            os.close(stderr)


def _sort(caught: bytes, lines: list[str], stderr: int) -> None:
    """Add each line to `lines` once; write parts of a progress bar, which begin with a carriage return, to `stderr`."""
    for line in caught.split(b"\n"):
        if b"\r" in line:
            os.write(stderr, line)
        elif (text := line.decode("utf-8", "replace").strip()) and text not in lines:
            lines.append(text)
