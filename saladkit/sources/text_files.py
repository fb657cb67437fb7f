"""Text files of other people: which encoding they are in."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.sources.notes import note

LEGACY = "cp1252"  # Windows-1252, in which Excel saves CSV in western Europe and America


def read_text(path: Path, *, guess: bool = False) -> str:
    """Return the text of a file.

    Args:
        guess: as in `encoding_of`; a note says so where the file is read as `LEGACY`.

    Raises:
        SaladError: the file cannot be read, or is in none of these encodings.
    """
    try:
        content = path.read_bytes()
        encoding = encoding_of(content, guess=guess)
        text = content.decode(encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Save the file as plain text in UTF-8.") from error
    if encoding == LEGACY:
        _say_what_was_assumed(path)
    return text


def read_lines(path: Path, *, guess: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, each with its number, counted from 1.

    Raises:
        SaladError: as `read_text`.
    """
    try:
        with open(path, "rb") as stream:
            encoding = encoding_of(stream.read() if guess else stream.read(2), guess=guess)
        if encoding == LEGACY:
            _say_what_was_assumed(path)
        with open(path, encoding=encoding) as lines:
            yield from ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SaladError(f"{path} cannot be read: {error}", "Save the file as plain text in UTF-8.") from error


def _say_what_was_assumed(path: Path) -> None:
    note(f"{path} is not UTF-8, and is read as {LEGACY}")


def encoding_of(content: bytes, *, guess: bool = False) -> str:
    """Return the encoding of a file's bytes: UTF-16 by its mark or its zeros, or else UTF-8.

    Args:
        guess: return `LEGACY` for bytes that are not UTF-8. Nothing in a file says so, so use it only where the reader
            says what was assumed.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content[1:2] == b"\0":
        return "utf-16-le"
    if content[:1] == b"\0":
        return "utf-16-be"
    if guess:
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            return LEGACY
    return "utf-8-sig"
