"""Lhotse's cuts and supervisions: the words of `supervision.alignment["word"]`.

lhotse loads torch, so it is imported when such a file is named; nothing else in this room does.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.words import Word

WORD = "word"


def open_lhotse(path: Path, wanted: Collection[str]) -> Callable[[str], list[Word] | None]:
    """A function from those ids that are `wanted` to words.

    An id is a cut's, whose words count from the cut's start, all supervisions together; else a supervision's, whose
    words count from its own start. In cuts, Lhotse counts the alignment's times from the cut's start, in supervisions
    alone from the recording's.

    Raises:
        SaladError: lhotse is not installed, or the file holds neither cuts nor supervisions that lhotse reads.
    """
    try:
        import lhotse
    except ModuleNotFoundError as error:
        raise SaladError(
            f"--times lhotse:… needs the package {error.name!r}, which is not installed",
            "Run: pip install 'saladkit[lhotse]'",
        ) from error
    wanted = set(wanted)
    of_cuts: dict[str, list[Word]] = {}
    of_supervisions: dict[str, list[Word]] = {}
    try:
        for item in lhotse.serialization.load_manifest_lazy_or_eager(path) or ():
            cut = hasattr(item, "supervisions")
            if not cut and not hasattr(item, "alignment"):
                raise TypeError(f"it holds a {type(item).__name__}")
            if cut and item.id in wanted:
                of_cuts[item.id] = [word for part in _in_order(item.supervisions) for word in _words(part, 0.0)]
            for part in item.supervisions if cut else [item]:
                # Of cuts that overlap each has the supervision whole, and the same times from its start.
                if part.id in wanted and part.id not in of_supervisions:
                    of_supervisions[part.id] = list(_words(part, part.start))
    except Exception as error:  # lhotse raises whatever a line of another kind led to
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SaladError(
            f"{path} cannot be read as cuts or supervisions: {type(error).__name__}: {first_line}",
            "Give a manifest that lhotse wrote: .jsonl, .jsonl.gz or .json.",
        ) from error

    return lambda id_: of_cuts.get(id_, of_supervisions.get(id_))


def _in_order(supervisions: list) -> list:
    return sorted(supervisions, key=lambda supervision: supervision.start)


def _words(supervision: object, origin: float) -> Iterator[Word]:
    for item in (supervision.alignment or {}).get(WORD, []):
        score = item.score if item.score is not None and 0 <= item.score <= 1 else None
        start, end = round(item.start - origin, 6), round(item.end - origin, 6)  # whole samples, but for rounding
        yield Word(item.symbol.strip(), start, end, score)
