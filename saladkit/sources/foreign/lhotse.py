"""Lhotse: cuts in JSON lines, and Shar folders, whose recordings lie in tar files beside the cuts."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from saladkit.errors import SaladError
from saladkit.sources.foreign.json_lines import json_lines
from saladkit.sources.foreign.rows import ForeignSamples, Wanted, rows_to_table
from saladkit.sources.stretches import Stretch

if TYPE_CHECKING:
    from lhotse import AudioSource, SupervisionSegment
    from lhotse.cut import Cut, MonoCut
    from lhotse.supervision import AlignmentItem

CUTS = frozenset(["MonoCut", "MultiCut", "MixedCut", "Cut"])
LOCAL = ("file", "memory")  # kinds of source; the others run commands or load from elsewhere
ROUNDING = 0.001  # s by which a word may begin before the one before it ends: Lhotse rounds ends and not starts
TOLERANCE = 0.025  # s: what Lhotse lets a recording and its manifest differ by


@dataclass(frozen=True)
class Said:
    """What is said somewhere in a cut.

    Attributes:
        supervision: with its times in the cut.
        shift: seconds that bring the times of its alignment, which Lhotse counts from the beginning of the recording,
            into the cut; None where the recording was moved into memory, from nobody knows where.
    """

    supervision: "SupervisionSegment"
    text: str
    shift: float | None


def is_cut(first: dict) -> bool:
    """Whether a line is one of a manifest of cuts."""
    return first.get("type") in CUTS


def shards_in(folder: Path, field: str) -> list[Path]:
    """The shards of one field of a Shar folder."""
    return sorted(path for path in folder.glob(f"{field}.[0-9]*") if {".jsonl", ".tar"} & set(path.suffixes))


def read_cuts(path: Path, wanted: Wanted) -> ForeignSamples:
    """Every cut of a manifest as a row.

    Raises:
        SaladError: Lhotse is not installed; a line that is no cut, or one whose audio or text cannot be had.
    """
    _need_lhotse(path)
    return ForeignSamples(rows_to_table(_rows(_cuts(path), path, wanted), wanted.limit, wanted.beside))


def read_shar(folder: Path, wanted: Wanted) -> ForeignSamples:
    """Every cut of a Shar folder as a row; the tar files are opened only where audio is wanted.

    Raises:
        SaladError: Lhotse is not installed; a shard that is missing or damaged, or as `read_cuts`.
    """
    _need_lhotse(folder)
    rows = _rows(_shar(folder, wanted.audio), folder, wanted, moved=True)
    return ForeignSamples(rows_to_table(rows, wanted.limit, wanted.beside))


def _need_lhotse(path: Path) -> None:
    if find_spec("lhotse") is None:
        raise SaladError(
            f"{path} needs the package 'lhotse', which is not installed.", "Run: pip install 'saladkit[lhotse]'"
        )


def _cuts(path: Path) -> "Iterator[Cut]":
    from lhotse.serialization import deserialize_item

    for number, line in json_lines(path):
        kind = line.get("type")
        if kind not in CUTS:
            raise SaladError(f"{path}, line {number}, is no cut of Lhotse", "Give a manifest of cuts alone.")
        try:
            yield deserialize_item(line)
        except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
            raise SaladError(
                f"{path}, line {number}, is no {kind} of Lhotse: {error!r}", "Write the manifest anew with Lhotse."
            ) from error


def _shar(folder: Path, audio: bool) -> "Iterator[Cut]":
    from lhotse.shar import LazySharIterator

    shards = {"cuts": shards_in(folder, "cuts")} | ({"recording": shards_in(folder, "recording")} if audio else {})
    if audio and len(shards["recording"]) != len(shards["cuts"]):
        raise SaladError(
            f"{folder} has {len(shards['cuts'])} shards of cuts and {len(shards['recording'])} of recordings",
            "Copy all shards there.",
        )
    read = 0
    try:
        for cut in LazySharIterator({field: list(map(str, paths)) for field, paths in shards.items()}):
            yield cut
            read += 1
    except SaladError:
        raise
    except Exception as error:  # tarfile's, gzip's, JSON's and Lhotse's own assertions
        raise SaladError(
            f"{folder} cannot be read after {read} cuts: {type(error).__name__}: {error}", "Copy the folder there anew."
        ) from error
    written = sum(1 for path in shards["cuts"] for _ in json_lines(path))
    if read < written:  # Lhotse ends a shard with the shorter of its files
        raise SaladError(
            f"{folder} has {written} cuts and the recordings of {read}: a tar file is cut short",
            "Copy the folder there anew.",
        )


def _rows(cuts: "Iterator[Cut]", path: Path, wanted: Wanted, moved: bool = False) -> Iterator[dict]:
    for cut in cuts:
        try:
            yield _row(cut, path, wanted, moved)
        except (TypeError, ValueError, AttributeError, KeyError) as error:  # Lhotse takes whatever stands in a field
            raise SaladError(
                f"{path}: cut '{cut.id}' is not as Lhotse writes them: {error!r}",
                "Write the manifest anew with Lhotse.",
            ) from error


def _row(cut: "Cut", path: Path, wanted: Wanted, moved: bool) -> dict:
    where = f"{path}: cut '{cut.id}'"
    said = said_in(cut, wanted.names.text)
    row: dict = {"id": cut.id, "duration": float(cut.duration)}
    recordings = list(dict.fromkeys(part.recording_id for _, part in _parts(cut) if part.has_recording))
    row |= {"source": recordings[0]} if len(recordings) == 1 else {}
    for column in ("speaker", "language", "gender"):
        values = list(dict.fromkeys(value for one in said if (value := getattr(one.supervision, column))))
        row[column] = " + ".join(values) if values else None
    if wanted.text:
        row["text"] = _text(said, cut, where)
    if wanted.words:
        row["words"] = None if moved else _words(said)
    if wanted.audio:
        row["audio"] = _audio(cut, where)
    return row


def _parts(cut: "Cut") -> "list[tuple[float, MonoCut]]":
    """The cuts that a cut mixes, without padding, and where each begins in it, in seconds."""
    from lhotse.cut import MixedCut, PaddingCut

    if not isinstance(cut, MixedCut):
        return [(0.0, cut)]
    heard = [track for track in cut.tracks if not track.mute] or cut.tracks
    return [(track.offset, track.cut) for track in heard if not isinstance(track.cut, PaddingCut)]


def said_in(cut: "Cut", column: str = "text") -> list[Said]:
    """The supervisions of a cut, in the order of their times; the text is theirs, or that of a custom `column`."""
    said = []
    for offset, part in _parts(cut):
        in_memory = part.has_recording and any(source.type == "memory" for source in part.recording.sources)
        for one in part.supervisions:
            text = (one.text if column == "text" else (one.custom or {}).get(column)) or ""
            said.append(Said(one.with_offset(offset), text.strip(), None if in_memory else offset - part.start))
    return sorted(said, key=lambda one: one.supervision.start)


def _text(said: list[Said], cut: "Cut", where: str) -> str:
    for one in said:
        span = one.supervision
        if one.text and (span.start < -TOLERANCE or span.end > cut.duration + TOLERANCE):
            raise SaladError(
                f"{where} begins or ends within supervision '{span.id}', whose text says more than is heard",
                "Cut where supervisions begin and end: `lhotse cut trim-to-supervisions`.",
            )
    return " ".join(one.text for one in said if one.text)


def aligned_words(supervision: "SupervisionSegment") -> "list[AlignmentItem]":
    """The words that a supervision has times of, without the pauses that some tools write between them."""
    return [item for item in (supervision.alignment or {}).get("word", []) if item.symbol.strip()]


def shift_of_words(said: Said) -> float | None:
    """Seconds that bring the times of its words into the cut; None where they fit nowhere there.

    Lhotse leaves them counted from the start of the recording, wherever it cuts; others count from the start of the
    cut, which is believed where only that lies within the supervision.
    """
    if said.shift is None:
        return None
    begin, end = said.supervision.start - TOLERANCE, said.supervision.end + TOLERANCE
    items = aligned_words(said.supervision)
    fitting = (s for s in (said.shift, 0.0) if all(begin <= i.start + s and i.end + s <= end for i in items))
    return next(fitting, None)


def _words(said: list[Said]) -> list[dict] | None:
    """The alignment of all words; None where one has no time, or where it reads otherwise than the text."""
    words = []
    for one in said:
        items, shift = aligned_words(one.supervision), shift_of_words(one)
        if shift is None or one.text.split() != [item.symbol for item in items]:
            return None
        for item in items:
            start, end = (max(0.0, round(time + shift, 6)) for time in (item.start, item.end))
            before = words[-1]["end"] if words else 0.0
            start = before if 0 < before - start < ROUNDING else start
            words.append({"word": item.symbol, "start": start, "end": max(start, end), "score": item.score})
    return words or None


def _audio(cut: "Cut", where: str) -> dict | None:
    if not cut.has_recording:
        return None
    for _, part in _parts(cut):
        for source in part.recording.sources if part.has_recording else ():
            if source.type not in LOCAL:
                raise SaladError(
                    f"{where} has audio of the kind '{source.type}', which is neither a file nor in memory",
                    "Give the folder of the Shar shards."
                    if source.type == "shar"
                    else "Copy the recordings here, and write the manifest anew with their paths.",
                )
    plain = _as_stored(cut)
    return _computed(cut, where) if plain is None else plain


def _as_stored(cut: "Cut") -> dict | None:
    """A cut that is what one file holds, or a stretch of it; None if there is more to it."""
    from lhotse.cut import MixedCut

    if isinstance(cut, MixedCut) or cut.recording.transforms:
        return None
    channels = [cut.channel] if isinstance(cut.channel, int) else list(cut.channel)
    sources = [source for source in cut.recording.sources if set(source.channels) & set(channels)]
    if len(sources) != 1 or not set(channels) <= set(sources[0].channels):
        return None
    (source,) = sources
    whole = cut.start == 0 and abs(cut.duration - cut.recording.duration) < 0.5 / cut.sampling_rate
    all_channels = len(channels) == len(source.channels)
    if source.type == "memory":
        return {"bytes": source.source, "path": None} if whole and all_channels else None
    return {"bytes": None, "path": str(_stretch(cut, source, whole, None if all_channels else channels))}


def _stretch(cut: "MonoCut", source: "AudioSource", whole: bool, channels: list[int] | None) -> Stretch:
    places = None if channels is None else tuple(source.channels.index(channel) for channel in channels)
    if whole:
        return Stretch(str(source.source), channels=places)
    return Stretch(str(source.source), cut.start, cut.start + cut.duration, places)


def _computed(cut: "Cut", where: str) -> dict:
    """What Lhotse makes of a cut, to the last bit: 32-bit float WAV."""
    try:
        channels = cut.load_audio()
    except Exception as error:  # Lhotse's backends raise many kinds
        raise SaladError(
            f"{where}: Lhotse cannot load its audio: {type(error).__name__}: {error}",
            "Check the recordings that it is made of, or remove the cut.",
        ) from error
    content = io.BytesIO()
    soundfile.write(content, channels.T, cut.sampling_rate, format="WAV", subtype="FLOAT")
    return {"bytes": content.getvalue(), "path": None}
