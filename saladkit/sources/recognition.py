"""Which kind of foreign source a path is, if it is one."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.sources.columns import ColumnNames
from saladkit.sources.foreign.audiofolder import is_audiofolder_table, read_audiofolder, tables_in
from saladkit.sources.foreign.common_voice import read_common_voice, table_in
from saladkit.sources.foreign.json_lines import first_object
from saladkit.sources.foreign.lhotse import is_cut, read_cuts, read_shar, shards_in
from saladkit.sources.foreign.nemo import is_nemo, read_nemo
from saladkit.sources.foreign.rows import ForeignSamples, Wanted
from saladkit.sources.foreign.text_beside_audio import has_recordings, read_text_beside_audio

Reader = Callable[[Path, Wanted], ForeignSamples]


def reader_of_folder(folder: Path, names: ColumnNames) -> Reader | None:
    """How to read a folder; None if it is no foreign source, as one with samples of our own in it.

    Raises:
        SaladError: a file in it that cannot be read, or a choice that is the user's.
    """
    if shards_in(folder, "cuts"):
        return read_shar
    if tables_in(folder, names.audio, deep=False):
        return read_audiofolder
    tables = [*folder.glob("*.parquet"), *folder.glob("*.jsonl")]
    if tables and (any(_may_hold_samples(table, names) for table in tables) or not has_recordings(folder)):
        return None
    if tables_in(folder, names.audio, deep=True):
        return read_audiofolder
    if table_in(folder):
        return read_common_voice
    return read_text_beside_audio if has_recordings(folder) else None


def reader_of_file(path: Path, names: ColumnNames) -> Reader | None:
    """How to read a file; None for samples in Parquet and JSON lines, and for what is no samples at all.

    Raises:
        SaladError: a file that cannot be read, or JSON that is no manifest.
    """
    if path.suffix == ".tsv":
        return read_common_voice
    if is_audiofolder_table(path, names.audio):
        return read_audiofolder
    if not path.name.endswith((".json", ".jsonl", ".jsonl.gz")):
        return None
    first = first_object(path)
    if first is not None and is_nemo(first, names.audio):
        return read_nemo
    if first is not None and is_cut(first):
        return read_cuts
    if path.suffix == ".jsonl":
        return None
    raise SaladError(
        f"{path} is neither a NeMo manifest (one JSON object with audio_filepath a line) nor Lhotse cuts",
        _advice(first),
    )


def _may_hold_samples(table: Path, names: ColumnNames) -> bool:
    """Whether it has one of the columns, and is not a log that lies beside recordings."""
    try:
        stored = pq.read_schema(table).names if table.suffix == ".parquet" else first_object(table) or ()
        return not set(vars(names).values()).isdisjoint(stored)
    except (pa.ArrowException, OSError):
        return True  # whoever reads it says what is wrong


def _advice(first: dict | None) -> str:
    if first is not None and ("recording_id" in first or "sources" in first):
        return "Join recordings and supervisions into cuts first: `lhotse cut simple`."
    return "Give the manifest of the recordings; samples of our own are .parquet or .jsonl, not compressed."
