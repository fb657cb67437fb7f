"""Match the names that a tool gave to recordings with the ids of rows: the only place where this is decided.

An id and a name that are equal belong together; the name may be escaped, as `export-times` writes it. Tools name their
output after the file (`84-121`) or its place below some folder (`84/121`), and ids are often paths. So an id without an
equal name takes the one name that shares most of the end of its path, at least the file's name, if no other id shares
as much with that name. Composed and decomposed letters (NFC, NFD) are equal, and so are a space and the `-` that tools
write for it, and a `/` and a `_` (NeMo) or a `\\` (Windows); the suffix of an audio file does not count.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from saladkit.errors import SaladError
from saladkit.sources.place import without_audio_suffix
from saladkit.sources.stored_names import composed


def in_a_file_name(id_: str) -> str:
    """Return an id with the characters escaped that mean something to a file system."""
    return quote(id_, safe="")


def in_a_line(id_: str) -> str:
    """Return an id without white space, as the first column of a line that is no comment of a CTM."""
    escaped = re.sub(r"[\s%]", lambda found: quote(found[0], safe=""), id_)
    return f"%3B{escaped[1:]}" if escaped.startswith(";;") else escaped


def match_ids(names: Iterable[str], ids: Iterable[str]) -> Callable[[str], str | None]:
    """Return a function from each of `ids` to its name, or None.

    Raises:
        SaladError: the function does where several names or several ids would match equally well.
    """
    names, ids = list(names), list(ids)
    spelled = {composed(name): name for name in names}
    spellings = _spellings if any("%" in name for name in names) else _as_it_is
    equal = {id_: spelled[one] for id_ in ids for one in spellings(id_) if one in spelled}
    taken = set(equal.values())
    names_by_end = _by_end(name for name in names if name not in taken)
    ids_by_end = _by_end(id_ for id_ in ids if id_ not in equal)

    def find(id_: str) -> str | None:
        if id_ in equal:
            return equal[id_]
        nearest = _nearest(id_, names_by_end)
        if len(nearest) > 1:
            raise SaladError(
                f"{nearest[0]} and {nearest[1]} are both named after the row '{id_}'",
                "Use their paths as ids, or give them different names.",
            )
        if not nearest:
            return None
        rivals = _nearest(nearest[0], ids_by_end)
        if id_ in rivals and len(rivals) > 1:
            raise SaladError(
                f"{nearest[0]} may be the row '{rivals[0]}' or the row '{rivals[1]}'",
                "Give the files names that tell the rows apart, such as their paths.",
            )
        return nearest[0] if id_ in rivals else None

    return find


def may_match(ids: Iterable[str]) -> Callable[[str], bool]:
    """Return whether a name, one that is not escaped, may be matched with one of `ids`, before all names are known."""
    ends = {end for id_ in ids for end in _ends(id_)}
    return lambda name: not ends.isdisjoint(_ends(name))


def _spellings(id_: str) -> list[str]:
    """Return the names that are equal to an id; the last that exists counts."""
    return [composed(one) for one in (id_, in_a_line(id_), in_a_file_name(id_))]


def _as_it_is(id_: str) -> list[str]:
    return [composed(id_)]


def _ends(name: str) -> list[str]:
    """Return the ends of a path, the longest first: `a/b.wav` has `a/b`, `a_b` and `b`."""
    path = "-".join(composed(without_audio_suffix(name)).replace("\\", "/").split())
    ends = [path] if path and not path.endswith("/") else []
    while ends and "/" in path:
        ends.append(path.replace("/", "_"))
        path = path.partition("/")[2]
        ends.append(path)
    return ends


def _by_end(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        for end in _ends(name):
            found.setdefault(end, []).append(name)
    return found


def _nearest(name: str, by_end: dict[str, list[str]]) -> list[str]:
    """Return the names that share the most of the end of a path with `name`."""
    return next((by_end[end] for end in _ends(name) if end in by_end), [])
