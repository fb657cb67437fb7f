"""Tables in which a column names the file of a row's recording: reading them, and turning that column into audio."""

import codecs
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from saladkit.errors import SaladError
from saladkit.formats.samples import is_text
from saladkit.sources.foreign.rows import id_of_file
from saladkit.sources.notes import note
from saladkit.sources.text_files import encoding_of

DELIMITERS = (",", ";", "\t", "|")
FIRST_BYTES = 65_536  # hold the first line of a table


def header(path: Path, delimiter: str) -> list[str]:
    """Return the column names on the first line.

    Raises:
        SaladError: the file cannot be read.
    """
    return _columns(_first_line(path), delimiter)


def delimiter_of(path: Path, column: str) -> str:
    """Return what separates the columns of a table that has `column`: a comma, a semicolon, a tab or a bar.

    Raises:
        SaladError: the file cannot be read.
    """
    line = _first_line(path)
    return next((one for one in DELIMITERS if column in _columns(line, one)), DELIMITERS[0])


def read_delimited(path: Path, *, delimiter: str, quoted: bool, guess: bool = False) -> pa.Table:
    """Return a table of strings (a text that looks like a number stays a string); empty fields are null.

    Args:
        guess: read a table that is not UTF-8 as Windows-1252, and say so.

    Raises:
        SaladError: the file cannot be read, or a line has more or fewer columns than the first.
    """
    try:
        content = path.read_bytes()
        encoding = encoding_of(content, guess=guess)
        if (guess and encoding != "utf-8-sig") or (quoted and delimiter != DELIMITERS[0]):
            note(f"{path} is read as {encoding.removesuffix('-sig')} with {delimiter!r} between the columns")
        if encoding != "utf-8-sig":
            content = content.decode(encoding).encode()
        content = content.removeprefix(codecs.BOM_UTF8)
        stored = [name.strip('"') for name in _line_of(content, "utf-8").split(delimiter)]
        table = pa.csv.read_csv(
            pa.BufferReader(content),
            read_options=pa.csv.ReadOptions(use_threads=False),  # so that an error names its row
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, quote_char='"' if quoted else False, newlines_in_values=quoted
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: pa.string() for name in [*stored, *map(str.strip, stored)]},
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        return table.rename_columns([name.strip() for name in table.column_names])
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise SaladError(
            f"{path} cannot be read: {error}", "Save the file in UTF-8, every line with as many columns as the first."
        ) from error


def _first_line(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            begin = stream.read(FIRST_BYTES)
    except OSError as error:
        raise SaladError(f"{path} cannot be read: {error}", "Make the file readable.") from error
    return _line_of(begin, encoding_of(begin))


def _line_of(content: bytes, encoding: str) -> str:
    lines = content[:FIRST_BYTES].decode(encoding, errors="replace").splitlines()
    return lines[0] if lines else ""


def _columns(line: str, delimiter: str) -> list[str]:
    return [name.strip().strip('"') for name in line.split(delimiter)]


def with_recordings(table: pa.Table, column: str, paths: list[str], *, own_id: bool, prefix: str = "") -> pa.Table:
    """Return the table with `audio` in the place of the column that names the files.

    Args:
        column: names the files.
        paths: of the recordings, one a row.
        own_id: whether the table has ids; if not, an id is `prefix` and what `column` says, without its suffix.
    """
    ids = [prefix + id_of_file(file) for file in table.column(column).to_pylist()]
    table = table.drop_columns([name for name in {column, "audio"} if name in table.column_names])
    if not own_id:
        table = table.drop_columns(["id"]) if "id" in table.column_names else table
        table = table.append_column("id", pa.array(ids, pa.string()))
    return table.append_column("audio", pa.array(paths, pa.string()))


def files_of(table: pa.Table, column: str, where: Path) -> list[str]:
    """Return the files that a column names.

    Raises:
        SaladError: there is no such column, it does not hold strings, or a row names no file.
    """
    if column not in table.column_names:
        raise SaladError(
            f"{where} has no column '{column}' (it has: {', '.join(table.column_names)})",
            "Name the column of the recordings with --audio-column.",
        )
    files = table.column(column)
    if not is_text(files.type):
        raise SaladError(
            f"{where}: the column '{column}' is {files.type}",
            f"Write the paths of the recordings into the column '{column}'.",
        )
    missing = pc.fill_null(pc.equal(files, ""), True)
    if pc.any(missing).as_py():
        row = pc.index(missing, True).as_py()
        raise SaladError(
            f"{where}: row {row} has no {column}", f"Write the path of the recording into {column}, or remove the row."
        )
    return files.to_pylist()
