"""CTM: a line a word, `ID channel start duration word [score]`, times in s (NIST's sclite, Kaldi, NeMo, Lhotse)."""

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.word_times.microseconds import microseconds, spelled

NAME = "words.ctm"


def open_ctm(path: Path) -> Callable[[str], list[Word] | None]:
    """A function from ids to words, in the files' order.

    Every line is looked at once, and where an id's lines stand is kept, not the words: those of 1000 h would take 2 GB.

    Raises:
        SaladError: no `.ctm` file, or a line that is none.
    """
    places: dict[str, list[tuple[Path, int, int]]] = {}
    try:
        for file in _files(path):
            for id_, begin, end in _lines(file):
                of_id = places.setdefault(id_, [])
                if of_id and of_id[-1][0] == file and of_id[-1][2] == begin:
                    begin = of_id.pop()[1]
                of_id.append((file, begin, end))
    except OSError as error:
        raise SaladError(f"{path} cannot be read: {error}", "Give a file that may be read.") from error
    if not places:
        raise SaladError(f"{path} holds no words", "Give the CTM that the aligner wrote.")

    def words_of(id_: str) -> list[Word] | None:
        name = _escaped(id_) if _escaped(id_) in places else id_
        return [word for place in places[name] for word in _words_at(*place)] if name in places else None

    return words_of


def ctm_lines(id_: str, words: list[Word]) -> str:
    """The lines of words that all have times; the score is left out where there is none.

    White space is percent-escaped, and in ids the sign of percent too.
    """
    lines = []
    for word in words:
        start, end = microseconds(word.start), microseconds(word.end)
        score = [] if word.score is None else [f"{word.score:.6f}"]
        spoken = re.sub(r"\s", _percent, word.word)
        lines.append(" ".join([_escaped(id_), "1", spelled(start), spelled(end - start), spoken, *score]))
    return "".join(f"{line}\n" for line in lines)


def _files(path: Path) -> list[Path]:
    """NeMo Forced Aligner writes `ctm/tokens`, `ctm/words` and `ctm/segments` side by side."""
    if path.is_file():
        return [path]
    folder = next((path / name for name in ("ctm/words", "words") if (path / name).is_dir()), path)
    files = sorted(folder.glob("*.ctm"))
    if not files:
        raise SaladError(f"{path} has no .ctm file", "Give the file or folder that holds the word times.")
    return files


def _lines(file: Path) -> Iterator[tuple[str, int, int]]:
    """The id of every word, and the bytes [begin, end) of its line."""
    end = 0
    with open(file, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            begin, end = end, end + len(line)
            try:
                parsed = _parse(line)
            except ValueError as error:
                raise SaladError(
                    f"{file}, line {number}: {error}", "Give a CTM: `ID channel start duration word` in every line."
                ) from error
            if parsed:
                yield parsed[0], begin, end


def _words_at(file: Path, begin: int, end: int) -> Iterator[Word]:
    with open(file, "rb") as stream:
        stream.seek(begin)
        lines = stream.read(end - begin).split(b"\n")
    for line in lines:
        parsed = _parse(line)
        if parsed:
            yield parsed[1]


def _parse(line: bytes) -> tuple[str, Word] | None:
    """The id and the word of a line, None for an empty line or a comment; ValueError for another."""
    fields = line.removeprefix(codecs.BOM_UTF8).split()  # at ASCII's white space alone: a word may hold another
    if not fields or fields[0].startswith(b";;"):
        return None
    if len(fields) < 5:
        raise ValueError(f"it has columns: {len(fields)}, and at least five belong there")
    id_, _, start, duration, word, *further = (field.decode() for field in fields)
    begin = float(start)
    # 0.1 s from 0.2 s on would end a little behind a word that starts at 0.3 s
    return id_, Word(word, begin, round(begin + float(duration), 6), _score(further[0]) if further else None)


def _score(field: str) -> float | None:
    """A probability, or None: some write NA, some the logarithm."""
    try:
        score = float(field)
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None


def _escaped(id_: str) -> str:
    escaped = re.sub(r"[\s%]", _percent, id_)
    return f"%3B{escaped[1:]}" if escaped.startswith(";;") else escaped


def _percent(found: re.Match) -> str:
    return quote(found[0], safe="")
