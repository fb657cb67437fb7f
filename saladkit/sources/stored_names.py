"""Find files whose names are spelled in another form of Unicode than the table that names them.

macOS stores "é" as two characters (NFD), and most texts hold one (NFC). The two look the same, and are two names.
"""

import os
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from saladkit.sources.stretches import Stretch

Folders = dict[Path, dict[str, str]]  # of each folder that was listed, {name in NFC: name as it is stored}


def composed(name: str) -> str:
    """Return a name in NFC, the form in which names are compared and become ids."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def with_stored_names(table: pa.Table) -> pa.Table:
    """Return samples whose `audio`, if they have any, names files as they are stored."""
    if "audio" not in table.column_names:
        return table
    audio = table.column("audio")
    if pc.all(pc.string_is_ascii(pc.struct_field(audio, "path"))).as_py() in (True, None):
        return table
    folders: Folders = {}
    chunks = [_with_stored_names(chunk, folders) for chunk in audio.chunks]
    return table.set_column(table.column_names.index("audio"), "audio", pa.chunked_array(chunks, audio.type))


def _with_stored_names(audio: pa.StructArray, folders: Folders) -> pa.StructArray:
    content, paths = audio.flatten()
    stored = pa.array([path and _stretch_as_stored(path, folders) for path in paths.to_pylist()], paths.type)
    return pa.StructArray.from_arrays([content, stored], fields=list(audio.type), mask=audio.is_null())


def _stretch_as_stored(path: str, folders: Folders) -> str:
    file = Stretch.parse(path).path
    return _as_stored(file, folders) + path[len(file) :]


def _as_stored(path: str, folders: Folders) -> str:
    """Return the path of an existing file that differs only in its form of Unicode, or `path` itself."""
    if path.isascii() or os.path.exists(path):
        return path
    found = Path(Path(path).anchor)
    for part in Path(path).parts[len(found.parts) :]:
        if not os.path.lexists(found / part):
            if found not in folders:
                folders[found] = _names_in(found)
            if (stored := folders[found].get(composed(part))) is None:
                return path
            part = stored
        found /= part
    return str(found)


def _names_in(folder: Path) -> dict[str, str]:
    try:
        return {composed(name): name for name in os.listdir(folder)}
    except OSError:
        return {}
