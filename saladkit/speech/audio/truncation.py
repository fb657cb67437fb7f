"""Detect recordings that were cut short.

libsndfile reads what there is of a file without a warning: half a WAV file lasts half as long. The true length stands
in the header, in libsndfile's log, or in the last page of an Ogg file. The frames of an MP3 file are counted before
(`mp3_frames.py`).
"""

import os
import re
from typing import BinaryIO

import soundfile

from saladkit.speech.audio.damage import TOLERANCE, DamagedAudio
from saladkit.speech.audio.mp3_frames import MOST_LEFT_UNREAD
from saladkit.speech.audio.ogg_pages import has_last_page
from saladkit.speech.audio.wav_chunks import UNKNOWN_FROM

# WAV, AIFF, Wave64 and AU: the size that the header states, and the size of the data in the file
_LOGGED_SIZE = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_LOGGED_FRAMES = re.compile(r"frame count \d+ does not match value from 'ds64' chunk of (\d+)")  # RF64
_SPHERE_FRAMES = re.compile(rb"^sample_count -i (\d+)$", re.MULTILINE)


def check_end(file: soundfile.SoundFile, stream: BinaryIO, frames: int) -> None:
    """Check that a file was read to its end and is whole, as far as its format tells.

    Args:
        stream: the stream that `file` reads; its position changes.
        frames: how many frames could be read.

    Raises:
        DamagedAudio: the file was cut short, or frames of it are left unread.
    """
    if file.format == "MP3":
        place = stream.tell()
        left = stream.seek(0, os.SEEK_END) - place
        if left > MOST_LEFT_UNREAD and stream.seek(place) == place and stream.read().strip(b"\0"):
            raise DamagedAudio(f"does not say how long it is: {left} bytes are left unread")
        return  # libsndfile's own length is an estimate; the frames were counted before
    promised = max(file.frames, _frames_in_header(file, stream, frames))
    if promised - frames > TOLERANCE * file.samplerate:
        raise DamagedAudio.cut_short(frames / file.samplerate, promised / file.samplerate)
    if file.format == "OGG" and not has_last_page(stream):
        raise DamagedAudio(f"was cut short: it ends after {frames / file.samplerate:.2f} s without its last page")


def _frames_in_header(file: soundfile.SoundFile, stream: BinaryIO, frames: int) -> float:
    if file.format == "NIST":
        stream.seek(0)
        stated = _SPHERE_FRAMES.search(stream.read(1024))
        return int(stated[1]) if stated else 0
    log = file.extra_info
    if found := _LOGGED_FRAMES.search(log):
        return int(found[1])
    found = _LOGGED_SIZE.search(log)
    promised, present = (int(found[1]), int(found[2])) if found else (0, 0)
    return frames * promised / present if present and promised < UNKNOWN_FROM else 0
