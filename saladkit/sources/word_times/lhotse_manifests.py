"""Lhotse's cuts and supervisions: the words of `supervision.alignment["word"]`.

lhotse loads torch, so it is imported only where such files are read.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from saladkit.errors import SaladError, first_line
from saladkit.formats.words import Word
from saladkit.sources.foreign.lhotse import need_lhotse
from saladkit.sources.foreign.lhotse_items import has_times, raw_items, with_whole_alignments
from saladkit.sources.foreign.lhotse_supervisions import aligned_words, alignment_shift, supervisions_of
from saladkit.sources.word_times.matching import may_match
from saladkit.sources.word_times.named_times import NamedTimes

if TYPE_CHECKING:
    from lhotse import SupervisionSegment
    from lhotse.cut import Cut


def open_lhotse(path: Path, wanted: Collection[str]) -> NamedTimes:
    """Return the words of those cuts and supervisions that may be rows whose ids are `wanted`.

    The words of a cut count from the start of the cut, all supervisions together; those of a supervision from its own
    start. Where a cut and a supervision have one id, the cut's words are meant.

    Raises:
        SaladError: lhotse is not installed, or the file holds neither cuts nor supervisions that lhotse reads.
    """
    need_lhotse(path)
    from lhotse import SupervisionSegment
    from lhotse.cut import Cut
    from lhotse.serialization import deserialize_item

    of_cuts: dict[str, list[Word]] = {}
    of_supervisions: dict[str, list[Word]] = {}
    is_wanted, example = may_match(wanted), None
    try:
        for raw in raw_items(path):
            item = deserialize_item(with_whole_alignments(raw))
            if isinstance(item, Cut):
                _add_cut(item, is_wanted, of_cuts, of_supervisions)
            elif isinstance(item, SupervisionSegment):
                _add_supervision(item, -item.start, is_wanted, of_supervisions)
            else:
                raise TypeError(f"it holds a {type(item).__name__}")
            example = example or item.id
        if example is None:
            raise TypeError("it is empty")
    except Exception as error:  # an unexpected value can lead to any error in lhotse
        raise SaladError(
            f"{path} cannot be read as cuts or supervisions: {type(error).__name__}: {first_line(error)}",
            "Give a manifest that lhotse wrote: .jsonl, .jsonl.gz or .json.",
        ) from error
    words = of_supervisions | of_cuts
    return NamedTimes(words or [example], words.__getitem__)


def _add_cut(cut: "Cut", is_wanted: Callable[[str], bool], of_cuts: dict, of_supervisions: dict) -> None:
    """Add the words of a cut and of its supervisions, without supervisions whose place in the cut is unknown."""
    shifts = [(one.supervision, alignment_shift(one)) for one in supervisions_of(cut)]
    placed = [(supervision, shift) for supervision, shift in shifts if shift is not None]
    if is_wanted(cut.id):
        of_cuts[cut.id] = [word for supervision, shift in placed for word in _words(supervision, shift)]
    for supervision, shift in placed:
        _add_supervision(supervision, shift - supervision.start, is_wanted, of_supervisions)


def _add_supervision(
    supervision: "SupervisionSegment", shift: float, is_wanted: Callable[[str], bool], of_supervisions: dict
) -> None:
    # Cuts that overlap each hold the supervision whole, with the same times from its start.
    if is_wanted(supervision.id) and supervision.id not in of_supervisions:
        of_supervisions[supervision.id] = list(_words(supervision, shift))


def _words(supervision: "SupervisionSegment", shift: float) -> Iterator[Word]:
    for item in aligned_words(supervision):
        if not has_times(item):
            yield Word(item.symbol.strip(), None, None)
            continue
        score = item.score if item.score is not None and 0 <= item.score <= 1 else None
        start, end = round(item.start + shift, 6), round(item.end + shift, 6)  # whole samples, but for rounding
        yield Word(item.symbol.strip(), start, end, score)
