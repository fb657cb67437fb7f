"""Turn audio from another program into an utterance without word times.

A program that writes a wav while it speaks does not know the length when it writes the header: espeak-ng and sox write
0x7FFFF000, ffmpeg and OpenAI's servers 0xFFFFFFFF, others 0. libsndfile reads no samples if the length is 0, and it
reads a wav that was cut off without a warning. This module reads wavs of unknown length to their end, and refuses wavs
that were cut off.
"""

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.voices.voice import Utterance, VoiceFailed

MOST_BYTES = 1 << 28  # 46 minutes of 16 bits at 48 kHz: a program that writes more does not end
_UNKNOWN_FROM = 0x7FFF_0000  # bytes of a wav's data: 2 GB and more mean "until the end"
_SHOWN = 200  # characters
_SHORTEST_SECRET = 8  # characters; shorter keys, such as "none", are placeholders


def received_utterance(content: bytes, text: str, *, sender: str, fix: str, secret: str = "") -> Utterance:
    """Decode the audio in which `sender` spoke `text`.

    Args:
        content: a wav, or other audio that libsndfile reads.
        sender: the program or server, for errors.
        fix: the fix of errors.
        secret: text that errors never show.

    Raises:
        VoiceFailed: `content` is empty, is no audio, was cut off, or is silence.
    """
    if not content:
        raise VoiceFailed(f"{sender} gave no audio at all", fix)
    try:
        samples, sample_rate = decode_audio(_with_true_lengths(content), name=sender)
    except SaladError as error:
        raise VoiceFailed(f"{error.problem}; it begins with {shown(content, secret)}", fix) from error
    if not samples.any():
        raise VoiceFailed(f"{sender} gave silence", fix)
    words = [Word(word, None, None) for word in text.split()]
    return Utterance(np.clip(samples, -1, 1), sample_rate, words)


def shown(content: bytes, secret: str = "") -> str:
    """Quote the beginning of a program's output, without `secret` and with control characters escaped."""
    text = content[: 16 * _SHOWN].decode("utf-8", errors="replace")
    if len(secret) >= _SHORTEST_SECRET:
        text = text.replace(secret, "***")
    return repr(text.strip()[:_SHOWN])


def _with_true_lengths(content: bytes) -> bytes:
    """Put the true lengths into the header of a wav that does not state them; return other content unchanged.

    Raises:
        SaladError: the header states a length, and the data is shorter.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return content
    header_is_right = _number(content, 4) == len(content) - 8
    position = 12
    while position + 8 <= len(content):
        kind, size, begin = content[position : position + 4], _number(content, position + 4), position + 8
        present = len(content) - begin
        if kind != b"data":
            position = begin + size + size % 2
        elif size >= _UNKNOWN_FROM or (size == 0 and not header_is_right):
            lengths = [number.to_bytes(4, "little") for number in (len(content) - 8, present)]
            return b"".join([b"RIFF", lengths[0], content[8 : begin - 4], lengths[1], content[begin:]])
        elif size > present:
            raise SaladError(f"the wav was cut off: it has {present} of {size} bytes", "Write the wav to its end.")
        else:
            return content
    return content


def _number(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 4], "little")
