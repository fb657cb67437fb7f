"""One spoken question from a file or from standard input, as a row like those of `eval`."""

import sys
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.sources.stretches import Stretch
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.audio.opening import open_audio

STANDARD_INPUT, MICROPHONE = "-", "the microphone's recording"
_LONGEST, _SHORTEST = 600.0, 0.1  # s
_MOST_BYTES = 500_000_000  # of standard input: 600 s of eight channels at 48 kHz fit
_QUIETEST = 0.001  # of full scale, -60 dB: speech that was recorded at this level cannot be heard either
_GIVE_ANOTHER = "Give a recording in WAV, FLAC, Ogg or MP3 that plays."


def read_question(
    question: str, options: tuple[str, ...], recorded: bytes | None = None
) -> tuple[dict, tuple[np.ndarray, int]]:
    """Return the row of a spoken question, and its recording: samples (float32 [n]) and their rate in Hz.

    Args:
        question: path of a recording, also of a stretch of one (`talk.wav#t=3,7`); "-" for standard input.
        options: the question's choices, if it has any.
        recorded: the recording itself, of which `question` is then the name.

    Raises:
        SaladError: there is no recording, it does not decode, is silent, shorter than 0.1 s or longer than ten minutes.
    """
    is_piped = question == STANDARD_INPUT and recorded is None
    source: str | bytes = _piped() if is_piped else question if recorded is None else recorded
    name = "the recording" if is_piped else question
    if isinstance(source, str) and not Path(Stretch.parse(source).path).exists():
        raise SaladError(f"{source} does not exist", "Give a recording, or - to read one from standard input.")
    try:
        with open_audio(source, name) as opened:
            begin, end = opened.frames_of_stretch(name)
            seconds = (end - begin) / opened.sample_rate
        samples, rate = decode_audio(source, name=name) if seconds <= _LONGEST else (np.ones(1, np.float32), 1)
    except SaladError as error:  # its fix is about a row of a table
        raise SaladError(error.problem, _GIVE_ANOTHER) from error
    _check(name, samples, seconds)
    audio = {"bytes": source, "path": None} if isinstance(source, bytes) else {"bytes": None, "path": source}
    row = {"id": name, "text": "", "audio": audio, "choices": list(options) or None, "answer": None}
    return row, (samples, rate)


def _check(name: str, samples: np.ndarray, seconds: float) -> None:
    if seconds > _LONGEST:
        raise SaladError(
            f"{name} lasts {seconds:.0f} s, and a question may last {_LONGEST:.0f} s", "Cut the question out."
        )
    if seconds < _SHORTEST:
        raise SaladError(f"{name} lasts {seconds:.2f} s, less than a word", f"Give one of at least {_SHORTEST} s.")
    if np.abs(samples).max() < _QUIETEST:
        raise SaladError(f"{name} is silent", "Record it again, nearer to the microphone.")


def _piped() -> bytes:
    """Return what is piped into this process."""
    if sys.stdin.isatty():
        raise SaladError(
            "nothing is piped into standard input", "Run: arecord -d 5 -f cd -t wav | saladkit ask CHECKPOINT -"
        )
    content = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if not content:
        raise SaladError("standard input is empty", "Pipe a recording into it.")
    if len(content) > _MOST_BYTES:
        raise SaladError(f"standard input has more than {_MOST_BYTES // 10**6} MB", "Cut the question out.")
    return content
