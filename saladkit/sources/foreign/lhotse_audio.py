"""Audio of a Lhotse cut: the path of a file or of a stretch of it, or else what Lhotse computes from the cut."""

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from saladkit.errors import SaladError
from saladkit.sources.foreign.lhotse_supervisions import parts_of
from saladkit.sources.stretches import Stretch

if TYPE_CHECKING:
    from lhotse import AudioSource
    from lhotse.cut import Cut, MonoCut

LOCAL = ("file", "memory")  # types of source on this machine; other types run commands or download


def audio_of(cut: "Cut", where: str, folder: Path) -> dict | None:
    """Return the audio of a cut as rows of samples hold it; None if the cut has no recording.

    Args:
        folder: of the manifest, from which relative paths count.

    Raises:
        SaladError: a recording is neither a file nor in memory, or Lhotse cannot load it.
    """
    if not cut.has_recording:
        return None
    for _, part in parts_of(cut):
        for source in part.recording.sources if part.has_recording else ():
            if source.type not in LOCAL:
                raise SaladError(
                    f"{where} has audio of the type '{source.type}', which is neither a file nor in memory",
                    "Give the folder of the Shar shards."
                    if source.type == "shar"
                    else "Copy the recordings to this machine, and save a manifest with their paths.",
                )
    cut = _with_paths_from(folder, cut)
    stored = _as_stored(cut)
    return _computed(cut, where) if stored is None else stored


def _with_paths_from(folder: Path, cut: "Cut") -> "Cut":
    """Return the cut with relative paths completed; Lhotse's own method loses what a mix does to its sum."""
    from lhotse.cut import MixedCut

    if not isinstance(cut, MixedCut):
        return cut.with_recording_path_prefix(folder)
    return replace(cut, tracks=[replace(track, cut=_with_paths_from(folder, track.cut)) for track in cut.tracks])


def _as_stored(cut: "Cut") -> dict | None:
    """Return a cut that is one file, or a stretch of one; None if Lhotse must compute its audio."""
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
    """Return the audio that Lhotse computes, without loss: WAV of 32-bit floats."""
    try:
        channels = cut.load_audio()
    except Exception as error:  # Lhotse's backends raise many types
        raise SaladError(
            f"{where}: Lhotse cannot load its audio: {type(error).__name__}: {error}",
            "Check the recordings that the cut is made of, or remove the cut.",
        ) from error
    content = io.BytesIO()
    soundfile.write(content, channels.T, cut.sampling_rate, format="WAV", subtype="FLOAT")
    return {"bytes": content.getvalue(), "path": None}
