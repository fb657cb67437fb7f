"""Audio that another program hands over, as an utterance without word times.

A program that writes its wav while it speaks does not know the length when it writes the header: espeak-ng and sox put
0x7FFFF000 there, ffmpeg and OpenAI's servers 0xFFFFFFFF, others 0. libsndfile reads nothing of the last, and of a wav
that was cut off it reads what is there without a word. Here the first are read to their end, and the second is refused.
"""

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.voices.voice import Utterance, VoiceFailed

MOST_BYTES = 1 << 28  # 46 minutes of 16 bits at 48 kHz: whoever writes more than that does not end
_UNKNOWN_FROM = 0x7FFF_0000  # bytes of a wav's data: nobody speaks for 2 GB, it stands for "until the end"
_SHOWN = 200  # characters
_SHORTEST_SECRET = 8  # characters; servers at home are given keys such as "none"


def received_utterance(content: bytes, text: str, *, sender: str, fix: str, secret: str = "") -> Utterance:
    """What `sender` spoke `text` as: `content` is a wav, or any other audio that libsndfile reads.

    Errors do not show `secret`, whatever was received.

    Raises:
        VoiceFailed: `content` is empty, is no audio, was cut off, or is silence; names `sender`, and `fix` as the fix.
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
    """The beginning of what a program wrote, quoted, without `secret` and with what a terminal would act on escaped."""
    text = content[: 16 * _SHOWN].decode("utf-8", errors="replace")
    if len(secret) >= _SHORTEST_SECRET:
        text = text.replace(secret, "***")
    return repr(text.strip()[:_SHOWN])


def _with_true_lengths(content: bytes) -> bytes:
    """A wav whose header does not know its length with the length put in; everything else as it is.

    Raises:
        SaladError: the header knows it, and less is there.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return content
    header_is_right = _number(content, 4) == len(content) - 8
    position = 12
    while position + 8 <= len(content):
        kind, size, begin = content[position : position + 4], _number(content, position + 4), position + 8
        there = len(content) - begin
        if kind != b"data":
            position = begin + size + size % 2
        elif size >= _UNKNOWN_FROM or (size == 0 and not header_is_right):
            lengths = [number.to_bytes(4, "little") for number in (len(content) - 8, there)]
            return b"".join([b"RIFF", lengths[0], content[8 : begin - 4], lengths[1], content[begin:]])
        elif size > there:
            raise SaladError(f"the wav was cut off: it has {there} of {size} bytes", "Write the whole wav.")
        else:
            return content
    return content


def _number(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 4], "little")
