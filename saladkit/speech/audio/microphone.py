"""Record from the microphone by a program of the system, since every system has one and none is the same."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from saladkit.errors import SaladError, first_line
from saladkit.progress import say

RATE = 16_000  # Hz; speech encoders read no more
# Programs in the order in which they are tried, with their arguments for {seconds} of one channel into {wav}.
RECORDERS = {
    "arecord": "-q -f S16_LE -c 1 -r {rate} -d {whole_seconds} {wav}",  # ALSA
    "rec": "-q -c 1 -r {rate} -b 16 {wav} trim 0 {seconds}",  # SoX
    "ffmpeg": "-nostdin -loglevel error -f {input} -i {device} -ac 1 -ar {rate} -t {seconds} -y {wav}",
}
FFMPEG = {"linux": ("pulse", "default"), "darwin": ("avfoundation", ":default")}
NO_RECORDER = "Run: apt-get install alsa-utils (Linux) or brew install sox (macOS), or give a recording."


def recorder() -> str | None:
    """Return the path of the first program that can record; None if there is none."""
    return next((path for name in RECORDERS if (path := shutil.which(name))), None)


def record(seconds: float) -> bytes:
    """Record from the default microphone, and return the recording as a WAV file.

    Raises:
        SaladError: there is no program that records, or it fails, as without a microphone.
    """
    program = recorder()
    if program is None:
        raise SaladError("there is no program that records from the microphone", NO_RECORDER)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "question.wav"
        say(f"speak now: recording {seconds:g} s")
        try:
            done = subprocess.run(_line(program, seconds, wav), capture_output=True, text=True, timeout=seconds + 30)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SaladError(f"{program} does not record: {first_line(error)}", NO_RECORDER) from error
        if done.returncode != 0 or not wav.is_file():
            said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            raise SaladError(f"{program} does not record: {said}", "Connect a microphone, or give a recording.")
        return wav.read_bytes()


def _line(program: str, seconds: float, wav: Path) -> list[str]:
    source, device = FFMPEG.get(sys.platform, FFMPEG["linux"])
    values = {"rate": RATE, "seconds": f"{seconds:g}", "whole_seconds": max(1, round(seconds)), "wav": wav}
    template = RECORDERS[Path(program).stem]
    return [program, *(word.format(**values, input=source, device=device) for word in template.split())]
