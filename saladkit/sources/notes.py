"""Notes on what was assumed or left out while reading; the logger `saladkit` prints them on stderr."""

import logging
from functools import cache


@cache  # a command may read a source several times
def note(line: str) -> None:
    """Say a line once in a process."""
    logging.getLogger("saladkit").warning(line)
