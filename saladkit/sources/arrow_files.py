"""Arrow files: those of `datasets.Dataset.save_to_disk`, and what polars and others write as `.arrow`."""

from pathlib import Path

import pyarrow as pa
import pyarrow.ipc

SUFFIX = ".arrow"
OF_A_MAP = "cache-"  # how `datasets` begins the names of files that `map` and `filter` leave beside the data


def read_arrow(path: Path) -> pa.Table:
    """Return the table of a file in either of Arrow's two forms, mapped and not read.

    Raises:
        pa.ArrowException, OSError: the file is damaged or cannot be opened.
    """
    source = pa.memory_map(str(path))
    try:
        table = pa.ipc.open_file(source).read_all()
    except pa.ArrowInvalid:
        source.seek(0)
        table = pa.ipc.open_stream(source).read_all()
    return pa.Table.from_arrays(list(map(_known, table.columns)), names=table.column_names)


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of polars's categories as one that pyarrow 26 can cast and write; others as they are."""
    kind = column.type
    if not pa.types.is_dictionary(kind) or not pa.types.is_string_view(kind.value_type):
        return column
    chunks = [
        pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.string())) for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, pa.dictionary(kind.index_type, pa.string()))
