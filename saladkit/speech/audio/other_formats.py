"""Decode formats that libsndfile does not read (M4A, AAC, WebM, WMA, AMR), by TorchCodec or by the program ffmpeg."""

import importlib
import os
import re
import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from saladkit.speech.audio.damage import DamagedAudio

_LIMIT = 600  # s: ffmpeg decodes hours of audio in that time
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_PROTOCOLS = "file,pipe"  # a file that names addresses cannot make ffmpeg fetch them
# ffmpeg's name of a container: what people call it. Only these are given to ffmpeg, which would also read playlists.
_NAMES = {"mov": "M4A or MP4", "matroska": "WebM or Matroska", "asf": "WMA", "aac": "AAC", "amr": "AMR"}


def format_of(head: bytes) -> str | None:
    """Return ffmpeg's name of the container that begins with these 16 bytes; None if libsndfile has to read it."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "mov"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head == _ASF:
        return "asf"
    if head[:5] == b"#!AMR":
        return "amr"
    # ADTS: twelve bits of synchronization, and two that say "layer 0", which MPEG audio does not have
    return "aac" if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0 else None


def convert(source: bytes | str, container: str) -> bytes:
    """Return the first audio track of a file as WAV of 32-bit floats.

    Args:
        source: the content, or the path.
        container: what `format_of` returned.

    Raises:
        DamagedAudio: neither TorchCodec nor ffmpeg is installed, or the one that is cannot decode the file.
    """
    if torchcodec_loads():
        return _by_torchcodec(source, container)
    program = shutil.which("ffmpeg")
    if program is None:
        raise NeedsDecoder(container)
    if isinstance(source, str):
        return _by_ffmpeg(program, source, container)
    with tempfile.NamedTemporaryFile(prefix="saladkit-") as file:  # ffmpeg has to seek in M4A
        file.write(source)
        file.flush()
        return _by_ffmpeg(program, file.name, container)


class NeedsDecoder(DamagedAudio):
    """The audio may be whole, but nothing that is installed decodes it."""

    fix = "Install ffmpeg (or: pip install torchcodec), or convert the file to FLAC or WAV."

    def __init__(self, container: str):
        super().__init__(
            f"does not decode: {_NAMES[container]} needs TorchCodec or the program ffmpeg, and neither is installed"
        )


def torchcodec_loads() -> bool:
    """Whether TorchCodec is installed and finds the libraries of FFmpeg that it needs."""
    try:
        importlib.import_module("torchcodec.decoders")
    except Exception:  # a library that is missing or of another version raises whatever it led to
        return False
    return True


def _by_torchcodec(source: bytes | str, container: str) -> bytes:
    from torchcodec.decoders import AudioDecoder

    try:
        samples = AudioDecoder(source).get_all_samples()
        content = BytesIO()
        channels = np.asarray(samples.data.numpy(), np.float32).T
        soundfile.write(content, channels, int(samples.sample_rate), format="WAV", subtype="FLOAT")
    except Exception as error:  # FFmpeg's errors come as RuntimeError, ValueError and others
        raise DamagedAudio(f"does not decode as {_NAMES[container]} (TorchCodec: {_first_line(str(error))})") from error
    return content.getvalue()


def _by_ffmpeg(program: str, path: str, container: str) -> bytes:
    arguments = ["-nostdin", "-v", "error", "-protocol_whitelist", _PROTOCOLS, "-f", container]
    arguments += ["-i", f"file:{os.path.abspath(path)}", "-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]
    try:
        done = subprocess.run([program, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=_LIMIT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DamagedAudio(f"does not decode as {_NAMES[container]} (ffmpeg: {error})") from error
    said = _first_line(done.stderr.decode("utf-8", "replace").replace(os.path.abspath(path), Path(path).name))
    if done.returncode or said or not done.stdout:  # ffmpeg ends well after it has left out what it could not decode
        raise DamagedAudio(f"does not decode as {_NAMES[container]} (ffmpeg: {said or f'status {done.returncode}'})")
    return done.stdout


def _first_line(text: str) -> str:
    """Return the first line that is not blank, without addresses in memory, which differ from run to run."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return re.sub(r" @ 0x[0-9a-f]+", "", line)
