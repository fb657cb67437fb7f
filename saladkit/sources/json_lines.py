"""JSON lines: one JSON object on each line, plain or compressed by gzip; manifests are written so."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.json_text import parse_json

_UNREADABLE = (OSError, EOFError, zlib.error, UnicodeDecodeError)  # gzip raises the first three


def json_lines(path: Path) -> Iterator[tuple[int, dict]]:
    """Yield (line number, object) for every line that is not blank; line numbers start at 1.

    Raises:
        SaladError: the file cannot be read, or a line is not a JSON object.
    """
    for number, line in _lines(path):
        try:
            value = parse_json(line)
        except ValueError as error:
            raise SaladError(
                f"{path}, line {number}, is not JSON: {error}",
                "Write one JSON object on each line, or remove the line.",
            ) from error
        if not isinstance(value, dict):
            raise SaladError(
                f"{path}, line {number}, is not a JSON object",
                "Write one JSON object on each line, or remove the line.",
            )
        yield number, value


def first_object(path: Path) -> dict | None:
    """Return the JSON object on the first line that is not blank; None if that line holds something else.

    Raises:
        SaladError: the file cannot be read.
    """
    for _, line in _lines(path):
        try:
            value = parse_json(line)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None
    return None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig")
            if path.suffix == ".gz"
            else open(path, encoding="utf-8-sig") as stream
        ):
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line
    except _UNREADABLE as error:
        raise SaladError(f"{path} cannot be read: {error}", "Give a complete file in UTF-8.") from error
