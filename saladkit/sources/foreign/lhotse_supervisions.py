"""Supervisions of a Lhotse cut: their text, and their word alignment in seconds from the start of the cut."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from saladkit.errors import SaladError
from saladkit.formats.words import are_words_of
from saladkit.sources.foreign.lhotse_items import has_times
from saladkit.sources.marks import is_mark, without_marks

if TYPE_CHECKING:
    from lhotse import SupervisionSegment
    from lhotse.cut import Cut, MonoCut
    from lhotse.supervision import AlignmentItem

ROUNDING = 0.001  # s by which a word may start before the one before it ends: Lhotse rounds ends and not starts
TOLERANCE = 0.025  # s by which Lhotse lets a recording and its manifest differ


@dataclass(frozen=True)
class PlacedSupervision:
    """A supervision in a cut.

    Attributes:
        supervision: with its times from the start of the cut.
        text: its text, or another of its fields, without marks that are no words.
        is_silent: whether there were marks alone.
        shift: seconds to add to the times of its alignment, which Lhotse counts from the start of the recording, to
            count them from the start of the cut; None where the recording was moved into memory, from an unknown place.
    """

    supervision: "SupervisionSegment"
    text: str
    is_silent: bool
    shift: float | None


def parts_of(cut: "Cut") -> "list[tuple[float, MonoCut]]":
    """Return the cuts that a cut mixes, without padding, and the second at which each starts in it."""
    from lhotse.cut import MixedCut, PaddingCut

    if not isinstance(cut, MixedCut):
        return [(0.0, cut)]
    audible = [track for track in cut.tracks if not track.mute] or cut.tracks
    return [(track.offset, track.cut) for track in audible if not isinstance(track.cut, PaddingCut)]


def supervisions_of(cut: "Cut", column: str = "text") -> list[PlacedSupervision]:
    """Return the supervisions of a cut by start time; `column` is `text` or the custom field that holds the text."""
    placed = []
    for offset, part in parts_of(cut):
        in_memory = part.has_recording and any(source.type == "memory" for source in part.recording.sources)
        for one in part.supervisions:
            text = (one.text if column == "text" else (one.custom or {}).get(column)) or ""
            shift = None if in_memory else offset - part.start
            spoken = without_marks(text.strip())
            silent = bool(text.strip()) and not spoken
            placed.append(PlacedSupervision(one.with_offset(offset), spoken, silent, shift))
    return sorted(placed, key=lambda one: one.supervision.start)


def joined_text(placed: list[PlacedSupervision], cut: "Cut", where: str) -> str:
    """Return the texts of all supervisions, joined by spaces.

    Raises:
        SaladError: the cut starts or ends inside a supervision that has a text.
    """
    for one in placed:
        span = one.supervision
        if one.text and (span.start < -TOLERANCE or span.end > cut.duration + TOLERANCE):
            raise SaladError(
                f"{where} begins or ends within supervision '{span.id}', so its audio lacks a part of the text",
                "Cut where supervisions begin and end: `lhotse cut trim-to-supervisions`.",
            )
    return " ".join(one.text for one in placed if one.text)


def aligned_words(supervision: "SupervisionSegment") -> "list[AlignmentItem]":
    """Return the words of a supervision's alignment, without the silences that some tools write between them."""
    items = (supervision.alignment or {}).get("word", [])
    return [item for item in items if item.symbol.strip() and not is_mark(item.symbol.strip())]


def alignment_shift(placed: PlacedSupervision) -> float | None:
    """Return the seconds to add to the times of its words to count them from the start of the cut; None if unknown.

    Lhotse counts the times from the start of the recording, wherever it cuts. Other tools count from the start of the
    cut, which is assumed only where the times lie within the supervision that way and no other.
    """
    if placed.shift is None:
        return None
    begin, end = placed.supervision.start - TOLERANCE, placed.supervision.end + TOLERANCE
    items = [item for item in aligned_words(placed.supervision) if has_times(item)]
    fitting = (s for s in (placed.shift, 0.0) if all(begin <= i.start + s and i.end + s <= end for i in items))
    return next(fitting, None)


def joined_words(placed: list[PlacedSupervision]) -> list[dict] | None:
    """Return the words of all supervisions; None if they differ from the text, or none of them has times."""
    words: list[dict] = []
    before = 0.0  # where the last word with times ends
    for one in placed:
        items, shift = aligned_words(one.supervision), alignment_shift(one)
        if shift is None or not are_words_of([item.symbol for item in items], one.text):
            return None
        for item in items:
            if not has_times(item):
                words.append({"word": item.symbol, "start": None, "end": None, "score": None})
                continue
            start, end = (max(0.0, round(time + shift, 6)) for time in (item.start, item.end))
            start = before if 0 < before - start < ROUNDING else start
            before = max(start, end)
            words.append({"word": item.symbol, "start": start, "end": before, "score": item.score})
    return words if any(word["start"] is not None for word in words) else None
