"""Join the recordings of a conversation to one, so that everything that reads a recording reads it."""

from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from saladkit.errors import SaladError
from saladkit.sources.stretches import Stretch

# A part in a format that only ffmpeg reads, such as M4A, must not be taken for all of the conversation.
NO_AUDIO = b"a part of this conversation is no WAV, FLAC, Ogg or MP3 file"
ROUNDING = 0.1  # s by which a stretch may end after its recording, as where one recording is decoded


def joined_audio(recordings: list[dict], row: str, folder: Path | None) -> dict | None:
    """Join recordings, one after another, to one WAV file; a single recording stays as it is.

    Args:
        recordings: as `formats.samples.AUDIO` holds them.
        row: the row, for errors.
        folder: from which relative paths count.

    Returns:
        The audio of the row; None if there are no recordings. If one of them is missing, it is returned alone, and if
        libsndfile cannot read one, bytes that are no audio: decoding the row reports both.

    Raises:
        SaladError: the recordings have different sample rates.
    """
    if len(recordings) < 2:
        return recordings[0] if recordings else None
    signals, rates, exact = [], set(), True
    for recording in recordings:
        try:
            samples, rate, is_exact = _read(recording, folder)
        except soundfile.SoundFileError:
            return {"bytes": NO_AUDIO, "path": recording["path"]}
        except (OSError, _NotThere):
            return recording
        signals.append(samples)
        rates.add(rate)
        exact &= is_exact
    if len(rates) > 1:
        listed = ", ".join(map(str, sorted(rates)))
        raise SaladError(
            f"{row} has recordings of different sample rates ({listed} Hz), which cannot be joined",
            "Give all recordings of a conversation the same sample rate.",
        )
    content = BytesIO()
    subtype = "PCM_16" if exact else "FLOAT"
    soundfile.write(content, np.concatenate(signals), rates.pop(), format="WAV", subtype=subtype)
    return {"bytes": content.getvalue(), "path": None}


class _NotThere(Exception):
    """A file has no samples, or not the stretch or channel that a recording names."""


def _read(recording: dict, folder: Path | None) -> tuple[np.ndarray, int, bool]:
    """Return the mean of the channels, float32 [n]; the rate in Hz; and whether 16 bits hold the samples exactly.

    Raises:
        OSError, SoundFileError, _NotThere: the recording cannot be read as it is named.
    """
    stretch = Stretch("")
    source: Path | BytesIO = BytesIO(recording["bytes"] or b"")
    if recording["bytes"] is None:
        stretch = Stretch.parse(recording["path"])
        source = Path(folder or "", stretch.path)
        if not source.is_file():
            raise _NotThere
    with soundfile.SoundFile(source) as file:
        begin = round(stretch.start * file.samplerate)
        end = file.frames if stretch.end is None else round(stretch.end * file.samplerate)
        if begin >= file.frames:
            raise _NotThere
        file.seek(begin)
        channels = file.read(max(0, end - begin), dtype="float32", always_2d=True)
        if len(channels) < end - begin - ROUNDING * file.samplerate:
            raise _NotThere
        if stretch.channels is not None:
            if max(stretch.channels) >= file.channels:
                raise _NotThere
            channels = channels[:, list(stretch.channels)]
        exact = file.subtype == "PCM_16" and channels.shape[1] == 1
        return channels.mean(axis=1), file.samplerate, exact
