"""Lhotse's cuts and supervisions: the words of `supervision.alignment["word"]`.

lhotse loads torch, so it is imported only where such files are read.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from saladkit.errors import SaladError, first_line
from saladkit.formats.words import Word
from saladkit.sources.foreign.lhotse import need_lhotse
from saladkit.sources.foreign.lhotse_supervisions import aligned_words, alignment_shift, supervisions_of

if TYPE_CHECKING:
    from lhotse import CutSet, SupervisionSegment, SupervisionSet


def open_lhotse(path: Path, wanted: Collection[str]) -> Callable[[str], list[Word] | None]:
    """Return a function from those ids that are `wanted` to words.

    An id is a cut's, whose words count from the start of the cut, all supervisions together; or else a supervision's,
    whose words count from its own start.

    Raises:
        SaladError: lhotse is not installed, or the file holds neither cuts nor supervisions that lhotse reads.
    """
    need_lhotse(path)
    from lhotse import CutSet, SupervisionSet
    from lhotse.serialization import load_manifest_lazy_or_eager

    of_cuts: dict[str, list[Word]] = {}
    of_supervisions: dict[str, list[Word]] = {}
    try:
        manifest = load_manifest_lazy_or_eager(path)
        if isinstance(manifest, CutSet):
            of_cuts, of_supervisions = _read_cuts(manifest, set(wanted))
        elif isinstance(manifest, SupervisionSet):
            of_supervisions = _read_supervisions(manifest, set(wanted))
        else:
            raise TypeError("it is empty" if manifest is None else f"it is a {type(manifest).__name__}")
    except Exception as error:  # an unexpected value can lead to any error in lhotse
        raise SaladError(
            f"{path} cannot be read as cuts or supervisions: {type(error).__name__}: {first_line(error)}",
            "Give a manifest that lhotse wrote: .jsonl, .jsonl.gz or .json.",
        ) from error

    return lambda id_: of_cuts.get(id_, of_supervisions.get(id_))


def _read_cuts(cuts: "CutSet", wanted: set[str]) -> tuple[dict[str, list[Word]], dict[str, list[Word]]]:
    """Return the words of cuts and of supervisions, without supervisions whose place in the cut is unknown."""
    of_cuts: dict[str, list[Word]] = {}
    of_supervisions: dict[str, list[Word]] = {}
    for cut in cuts:
        shifts = [(one.supervision, alignment_shift(one)) for one in supervisions_of(cut)]
        placed = [(supervision, shift) for supervision, shift in shifts if shift is not None]
        if cut.id in wanted:
            of_cuts[cut.id] = [word for supervision, shift in placed for word in _words(supervision, shift)]
        for supervision, shift in placed:
            # Cuts that overlap each hold the supervision whole, with the same times from its start.
            if supervision.id in wanted and supervision.id not in of_supervisions:
                of_supervisions[supervision.id] = list(_words(supervision, shift - supervision.start))
    return of_cuts, of_supervisions


def _read_supervisions(supervisions: "SupervisionSet", wanted: set[str]) -> dict[str, list[Word]]:
    found: dict[str, list[Word]] = {}
    for supervision in supervisions:
        if supervision.id in wanted and supervision.id not in found:
            found[supervision.id] = list(_words(supervision, -supervision.start))
    return found


def _words(supervision: "SupervisionSegment", shift: float) -> Iterator[Word]:
    for item in aligned_words(supervision):
        score = item.score if item.score is not None and 0 <= item.score <= 1 else None
        start, end = round(item.start + shift, 6), round(item.end + shift, 6)  # whole samples, but for rounding
        yield Word(item.symbol.strip(), start, end, score)
