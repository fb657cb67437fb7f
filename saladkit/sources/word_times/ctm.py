"""CTM: a line a word, `ID channel start duration word [score]`, times in s (NIST's sclite, Kaldi, NeMo, Lhotse)."""

import codecs
import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.word_times.matching import in_a_line
from saladkit.sources.word_times.microseconds import in_seconds, microseconds
from saladkit.sources.word_times.named_times import NamedTimes

NAME = "words.ctm"
# Columns are separated by any white space: pyarrow.csv, whose delimiter is one character, splits the file into lines.
_COLUMNS = r"^\s*(?P<id>\S+)\s+\S+\s+(?P<start>\S+)\s+(?P<duration>\S+)\s+(?P<word>\S+)(?:\s+(?P<score>\S+).*)?\s*$"
_COMMENT = r"^\s*(;;|$)"
_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
_NOT_IN_A_LINE = "\x1f"
_LABEL = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = pa.schema(
    [("id", _LABEL), ("start", pa.float64()), ("duration", pa.float64()), ("word", _LABEL), ("score", pa.float64())]
)


def open_ctm(path: Path) -> NamedTimes:
    """Return the words of each id, in the order of the files.

    All words are held in an Arrow table, 40 bytes a word: 0.4 GB for 1000 h of speech.

    Raises:
        SaladError: there is no `.ctm` file, or a line is not a word of a CTM.
    """
    table = pa.concat_tables([_read(file) for file in _files(path)])
    if not table.num_rows:
        raise SaladError(f"{path} holds no words", "Give the CTM that the aligner wrote.")
    table = table.unify_dictionaries().combine_chunks()
    ids = table.column("id").chunk(0)
    codes = ids.indices.to_numpy()
    if (np.diff(codes) < 0).any():  # the lines of an id are not consecutive
        table = table.take(pa.array(np.argsort(codes, kind="stable")))
    table = table.drop_columns(["id"])
    counts = np.bincount(codes, minlength=len(ids.dictionary))
    begins = np.cumsum(counts) - counts
    spans = dict(zip(ids.dictionary.to_pylist(), zip(begins.tolist(), counts.tolist(), strict=True), strict=True))

    return NamedTimes(spans, lambda name: [_word(**row) for row in table.slice(*spans[name]).to_pylist()])


def ctm_lines(id_: str, words: list[Word]) -> str:
    """Return the lines of words that all have times; words without a score have five columns.

    White space is percent-escaped, and in ids the percent sign too.

    Raises:
        ValueError: a word has no times.
    """
    lines = []
    for word in words:
        start, end = microseconds(word.start), microseconds(word.end)
        if start is None or end is None:
            raise ValueError(f"the word {word.word!r} has no times")
        score = [] if word.score is None else [f"{word.score:.6f}"]
        escaped = re.sub(r"\s", lambda found: quote(found[0], safe=""), word.word)
        lines.append(" ".join([in_a_line(id_), "1", in_seconds(start), in_seconds(end - start), escaped, *score]))
    return "".join(f"{line}\n" for line in lines)


def _files(path: Path) -> list[Path]:
    """Return the files; NeMo Forced Aligner writes `ctm/tokens`, `ctm/words` and `ctm/segments` side by side."""
    if path.is_file():
        return [path]
    folder = next((path / name for name in ("ctm/words", "words") if (path / name).is_dir()), path)
    files = sorted(folder.glob("*.ctm"))
    if not files:
        raise SaladError(f"{path} has no .ctm file", "Give the file or folder that holds the word times.")
    return files


def _read(file: Path) -> pa.Table:
    """Return the words of a file, as `_SCHEMA` has them."""
    try:
        if file.stat().st_size <= len(codecs.BOM_UTF8):  # pyarrow refuses an empty file
            return _SCHEMA.empty_table()
        lines = pa.csv.open_csv(
            file,
            read_options=pa.csv.ReadOptions(column_names=["line"]),
            parse_options=pa.csv.ParseOptions(delimiter=_NOT_IN_A_LINE, quote_char=False),
            convert_options=pa.csv.ConvertOptions(column_types={"line": pa.binary()}, check_utf8=False),
        )
        return pa.Table.from_batches([_parse(batch.column(0)) for batch in lines], _SCHEMA)
    except OSError as error:
        raise SaladError(f"{file} cannot be read: {error}", "Make the file readable.") from error
    except pa.ArrowException as error:
        number, problem = _first_wrong_line(file) or (1, str(error))
        raise SaladError(
            f"{file}, line {number}: {problem}", "Give a CTM: `ID channel start duration word` in every line."
        ) from error


def _parse(lines: pa.Array) -> pa.RecordBatch:
    """Return the words of lines; a score that is not a number is null. ArrowInvalid for a line that is not a word."""
    fields = pc.extract_regex(lines.filter(pc.invert(pc.match_substring_regex(lines, _COMMENT))), _COLUMNS)
    if fields.null_count:
        raise pa.ArrowInvalid("a line has fewer than 5 columns")
    texts = {name: fields.field(name).cast(pa.string()) for name in _SCHEMA.names}
    texts["score"] = pc.if_else(pc.match_substring_regex(texts["score"], _NUMBER), texts["score"], None)
    columns = {
        name: text.dictionary_encode() if name in ("id", "word") else text.cast(pa.float64())
        for name, text in texts.items()
    }
    return pa.record_batch(columns, _SCHEMA)


def _first_wrong_line(file: Path) -> tuple[int, str] | None:
    """Return the number of the first line that is not a word of a CTM, and the reason."""
    with open(file, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            fields = line.removeprefix(codecs.BOM_UTF8).split()
            if not fields or fields[0].startswith(b";;"):
                continue
            if len(fields) < 5:
                return number, f"it has {len(fields)} columns, and a CTM has at least 5"
            try:
                float(fields[2].decode()), float(fields[3].decode()), fields[0].decode(), fields[4].decode()
            except ValueError as error:
                return number, str(error)
    return None


def _word(start: float, duration: float, word: str, score: float | None) -> Word:
    """Return a word, without a score that is not a probability: some tools write its logarithm."""
    # Unrounded, 0.1 s from 0.2 s on would end a little after 0.3 s, where the next word starts.
    return Word(word, start, round(start + duration, 6), score if score is not None and 0 <= score <= 1 else None)
