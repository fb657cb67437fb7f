"""Tables in which a column names the file of a row's recording: how they are read, and what becomes of that column."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from saladkit.errors import SaladError
from saladkit.formats.samples import is_text
from saladkit.sources.foreign.rows import id_of_file


def header(path: Path, delimiter: str) -> list[str]:
    """The columns that the first line names.

    Raises:
        SaladError: the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as stream:
            return [name.strip().strip('"') for name in stream.readline().split(delimiter)]
    except OSError as error:
        raise SaladError(f"{path} cannot be read: {error}", "Give a file that is whole.") from error


def read_delimited(path: Path, *, delimiter: str, quoted: bool) -> pa.Table:
    """A table of strings: a text that looks like a number stays one. What is empty is null.

    Raises:
        SaladError: it cannot be read, or a line has more or fewer columns than the first.
    """
    try:
        return pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(use_threads=False),  # so that an error names its row
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, quote_char='"' if quoted else False, newlines_in_values=quoted
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: pa.string() for name in header(path, delimiter)},
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise SaladError(
            f"{path} cannot be read: {error}", "Mend the line: each has as many columns as the first."
        ) from error


def with_recordings(table: pa.Table, column: str, paths: list[str], *, own_id: bool, prefix: str = "") -> pa.Table:
    """The table with `audio`, its recordings' paths, in the place of `column`, and with `id`, if it has no `own_id`.

    An id is what stands in `column`, without its suffix, after `prefix`.
    """
    ids = [prefix + id_of_file(file) for file in table.column(column).to_pylist()]
    table = table.drop_columns([name for name in {column, "audio"} if name in table.column_names])
    if not own_id:
        table = table.drop_columns(["id"]) if "id" in table.column_names else table
        table = table.append_column("id", pa.array(ids, pa.string()))
    return table.append_column("audio", pa.array(paths, pa.string()))


def files_of(table: pa.Table, column: str, where: Path) -> list[str]:
    """The files that a column names.

    Raises:
        SaladError: there is no such column, it is none of strings, or a row has no file.
    """
    if column not in table.column_names:
        raise SaladError(
            f"{where} has no column '{column}' (it has: {', '.join(table.column_names)})",
            "Name the column of the recordings with --audio-column.",
        )
    files = table.column(column)
    if not is_text(files.type):
        raise SaladError(f"{where}: the column '{column}' is {files.type}", "Give the recordings' paths there.")
    missing = pc.fill_null(pc.equal(files, ""), True)
    if pc.any(missing).as_py():
        row = pc.index(missing, True).as_py()
        raise SaladError(f"{where}: row {row} has no {column}", "Name its recording, or remove the row.")
    return files.to_pylist()
