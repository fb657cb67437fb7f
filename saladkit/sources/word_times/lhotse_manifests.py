"""Lhotse's cuts and supervisions: the words of `supervision.alignment["word"]`.

lhotse loads torch, so it is imported when such a file is named; nothing else in this room does.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.foreign.lhotse import aligned_words, said_in, shift_of_words

if TYPE_CHECKING:
    from lhotse import SupervisionSegment


def open_lhotse(path: Path, wanted: Collection[str]) -> Callable[[str], list[Word] | None]:
    """A function from those ids that are `wanted` to words.

    An id is a cut's, whose words count from the cut's start, all supervisions together; else a supervision's, whose
    words count from its own start. Words whose times do not lie within their supervision are left out of cuts, see
    `shift_of_words`; supervisions alone count from the start of the recording.

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
            placed = [(one.supervision, shift_of_words(one)) for one in said_in(item)] if cut else [(item, 0.0)]
            placed = [(part, shift) for part, shift in placed if shift is not None]
            if cut and item.id in wanted:
                of_cuts[item.id] = [word for part, shift in placed for word in _words(part, shift)]
            for part, shift in placed:
                # Of cuts that overlap each has the supervision whole, and the same times from its start.
                if part.id in wanted and part.id not in of_supervisions:
                    of_supervisions[part.id] = list(_words(part, shift - part.start))
    except Exception as error:  # lhotse raises whatever a line of another kind led to
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SaladError(
            f"{path} cannot be read as cuts or supervisions: {type(error).__name__}: {first_line}",
            "Give a manifest that lhotse wrote: .jsonl, .jsonl.gz or .json.",
        ) from error

    return lambda id_: of_cuts.get(id_, of_supervisions.get(id_))


def _words(supervision: "SupervisionSegment", shift: float) -> Iterator[Word]:
    for item in aligned_words(supervision):
        score = item.score if item.score is not None and 0 <= item.score <= 1 else None
        start, end = round(item.start + shift, 6), round(item.end + shift, 6)  # whole samples, but for rounding
        yield Word(item.symbol.strip(), start, end, score)
