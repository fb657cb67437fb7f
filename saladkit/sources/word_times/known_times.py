"""Word times that another tool found, opened by `KIND:PATH`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.word_times.ctm import open_ctm
from saladkit.sources.word_times.lhotse_manifests import open_lhotse
from saladkit.sources.word_times.matching import match_ids
from saladkit.sources.word_times.named_times import NamedTimes
from saladkit.sources.word_times.textgrid import open_textgrids
from saladkit.sources.word_times.whisperx import open_whisperx

KINDS = ("ctm", "textgrid", "lhotse", "whisperx")
_GIVE = "Give the file or folder that holds the word times."


@dataclass(frozen=True)
class KnownTimes:
    """The words of every id as the tool spelled and timed them (s); nothing is checked yet.

    Attributes:
        kind, path: as `KIND:PATH` gives them.
        words_of: returns the words of an id; raises a SaladError for an id without times, for one whose times cannot be
            told from another's, and for a file that cannot be read.
        identity: what the words depend on beyond the files.
    """

    kind: str
    path: str
    words_of: Callable[[str], list[Word]]
    identity: dict


def open_times(description: str, wanted: Collection[str]) -> KnownTimes:
    """Open `KIND:PATH` for the ids that are `wanted`.

    Raises:
        SaladError: no such kind or path, or a file of many rows that cannot be read.
    """
    kind, colon, path = description.partition(":")
    if kind not in KINDS or not (colon and path):
        raise SaladError(
            f"{description!r} names no word times", f"Write KIND:PATH, where KIND is one of {', '.join(KINDS)}."
        )
    if not Path(path).exists():
        raise SaladError(f"{path} is not there", _GIVE)
    identity = {"format": kind}
    if kind == "ctm":
        times = open_ctm(Path(path))
    elif kind == "textgrid":
        times = open_textgrids(Path(path))
    elif kind == "whisperx":
        times = open_whisperx(Path(path))
    else:
        times = open_lhotse(Path(path), wanted)
        identity["lhotse"] = version("lhotse")
    return KnownTimes(kind, path, _by_id(times, path, wanted), identity)


def _by_id(times: NamedTimes, path: str, wanted: Collection[str]) -> Callable[[str], list[Word]]:
    find = match_ids(times.names, wanted)
    example = next(iter(times.names), None)

    def words_of(id_: str) -> list[Word]:
        name = find(id_)
        if name is None:
            raise SaladError(
                f"{path} has no times of this id, '{id_}': its ids are such as '{example}'",
                "Leave the row out, or run `saladkit timestamps` on it.",
            )
        return times.words_of(name)

    return words_of
