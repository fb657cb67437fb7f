"""Read samples from any source into one table with our column names and types."""

import glob
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, is_artefact
from saladkit.formats.samples import SCHEMA, as_our_types
from saladkit.sources.audio_columns import with_stored_audio
from saladkit.sources.benchmarks.named import named_source
from saladkit.sources.benchmarks.reading import read_benchmark
from saladkit.sources.columns import OUR_NAMES, ColumnNames, Columns
from saladkit.sources.hub import read_hub
from saladkit.sources.mapped_tables import are_large, batches_of, map_tables
from saladkit.sources.messages import with_messages
from saladkit.sources.our_names import with_our_names
from saladkit.sources.place import Place
from saladkit.sources.plain_tables import read_file
from saladkit.sources.recognition import Reader, find_reader
from saladkit.sources.row_checks import check_rows
from saladkit.sources.stored_names import with_stored_names
from saladkit.sources.transcripts import are_transcripts, with_words_alone
from saladkit.sources.wanted import Wanted

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(:[\w.\[\]%-]+)?")


def read_samples(
    source: str | Path,
    *,
    needed: list[str],
    optional: list[str] | None = None,
    without: Iterable[str] = (),
    lacking: Iterable[str] = (),
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    beside: str | Path | None = None,
) -> pa.Table:
    """Read samples from any source into one table, in the order of the source.

    Args:
        source: a file, folder or glob, an artefact, a manifest of another tool, a benchmark or a Hub data set.
        needed: columns that must exist and have a value in every row (`id` always must).
        optional: columns to read where they exist; None for all columns but those of `without`.
        lacking: columns among `needed` that may have no value in some rows.
        names: what the source calls id, text and audio.
        limit: read at most this many rows.
        beside: a folder that the caller will make; large tables are mapped from a file beside it, not held in memory.

    Raises:
        SaladError: unreadable source, missing column or value, no rows, duplicate ids, or an empty text.
    """
    source = str(source)
    needed = ["id", *[column for column in needed if column != "id"]]
    columns = Columns(tuple(needed), None if optional is None else tuple(optional), tuple(without)).with_messages()
    wanted = Wanted(columns, names, limit, None if beside is None else Path(beside).parent)
    table = _read(source, wanted)
    if limit is not None:
        table = table.slice(0, limit)
    check_rows(table, source, [column for column in needed if column not in lacking])
    return table


def _read(source: str, wanted: Wanted) -> pa.Table:
    if files := _files_of(source, wanted.names):
        return _read_files(files, wanted, ours=is_artefact(source))
    if benchmark := named_source(source):
        return _as_ours(read_benchmark(benchmark, wanted), wanted.columns, OUR_NAMES, source)
    if _HUB_NAME.fullmatch(source) and not Path(source).exists():
        name, _, split = source.partition(":")
        fix = "Check the path, or download the data set first (it is read from the Hugging Face cache)."
        found = read_hub(name, split or "train", title=f"no such file, and the data set {name}", fix=fix)
        table = _as_ours(found, wanted.columns, wanted.names, source)
        return with_words_alone(table, source) if are_transcripts(found.column_names, wanted.names.audio) else table
    raise SaladError(
        f"{source} holds no samples",
        "Give an artefact, a .parquet or .jsonl file, a NeMo or Lhotse manifest, a folder of recordings, a glob or"
        " owner/name.",
    )


def _files_of(source: str, names: ColumnNames) -> list[tuple[Place, Reader | None]]:
    """Return the files of a source, each with its foreign reader or None; or its folder with its foreign reader."""
    place = Place(Path(source), names)
    if is_artefact(source):
        return [(Place(path), None) for path in Artefact.open(source, SCHEMA).parts(".parquet")]
    if place.is_folder and (reader := find_reader(place)):
        return [(place, reader)]
    paths = place.sample_tables if place.is_folder else _matches(source)
    places = [Place(path, names) for path in paths]
    return [(place, None if place.is_folder else find_reader(place)) for place in places]


def _matches(pattern: str) -> list[Path]:
    return [Path(pattern)] if Path(pattern).is_file() else sorted(map(Path, glob.glob(pattern)))


def _read_files(files: list[tuple[Place, Reader | None]], wanted: Wanted, ours: bool) -> pa.Table:
    """Read files, of which `ours` are texts as we wrote them."""
    plain = [place.path for place, reader in files if reader is None]
    if wanted.beside and wanted.limit is None and len(plain) == len(files):
        if are_large(plain, wanted.columns.called(wanted.names)):
            return map_tables((batch for path in plain for batch in _batches(path, wanted, ours)), wanted.beside)
    tables = [_read_place(place, reader, wanted, ours) for place, reader in files]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        listed = ", ".join(str(place.path) for place, _ in files[:3])
        raise SaladError(
            f"{listed}{', ...' if len(files) > 3 else ''} have columns of different types: {error}",
            "Read the files one by one, or write the column with the same type in all of them.",
        ) from error


def _batches(path: Path, wanted: Wanted, ours: bool) -> Iterator[pa.Table]:
    stored = pq.read_schema(path).names
    for batch in batches_of(path, wanted.columns.called(wanted.names)):
        table = _as_ours(batch, wanted.columns, wanted.names, str(path), path.parent, stored)
        yield _transcripts(table, stored, wanted, str(path), ours)


def _read_place(place: Place, reader: Reader | None, wanted: Wanted, ours: bool) -> pa.Table:
    path, columns = place.path, wanted.columns
    if reader is None:
        table, stored = read_file(path, columns.called(wanted.names))
        named = _as_ours(table, columns, wanted.names, str(path), path.parent, stored)
        return _transcripts(named, stored, wanted, str(path), ours)
    found = reader.read(place, wanted)
    table = _as_ours(found.table, columns, found.names, str(path))
    return table if "words" in found.table.column_names else with_words_alone(table, str(path))


def _transcripts(table: pa.Table, stored: list[str], wanted: Wanted, where: str, ours: bool) -> pa.Table:
    """Return the rows of a table with the `stored` columns; without marks if their texts are transcripts of others."""
    return with_words_alone(table, where) if not ours and are_transcripts(stored, wanted.names.audio) else table


def _as_ours(
    table: pa.Table,
    columns: Columns,
    names: ColumnNames,
    where: str,
    folder: Path | None = None,
    stored: list[str] | None = None,
) -> pa.Table:
    """Return the wanted columns under our names and with our types; relative audio paths start at `folder`."""
    if twice := [name for name, count in Counter(table.column_names).items() if count > 1]:
        raise SaladError(f"{where} has more than one column '{twice[0]}'", "Give each column a name of its own.")
    chosen = columns.called(names).select(table)
    chosen = with_messages(chosen, names, where, folder, audio=bool(columns.of(["audio"])))
    named = with_our_names(chosen, names, columns, where, stored or table.column_names)
    return with_stored_names(as_our_types(with_stored_audio(named, where, folder), where))


def check_ids_distinct(tables: list[tuple[str, pa.Table]]) -> None:
    """Check that no id occurs in more than one of several (source, table) pairs.

    Raises:
        SaladError: an id occurs in two sources.
    """
    seen: dict[str, str] = {}
    for source, table in tables:
        for id_ in table.column("id").to_pylist():
            if id_ in seen:
                raise SaladError(
                    f"the id '{id_}' stands in {seen[id_]} and in {source}",
                    "Give every row its own id: files are joined by id.",
                )
            seen[id_] = source
