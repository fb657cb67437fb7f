"""Turn audio from another program into an utterance without word times."""

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word, words_of_text
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.audio.wav_chunks import bytes_missing
from saladkit.speech.voices.voice import Utterance, VoiceFailed

MOST_BYTES = 1 << 28  # 46 minutes of 16 bits at 48 kHz: a program that writes more does not end
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
    if missing := bytes_missing(content):
        raise VoiceFailed(
            f"the wav of {sender} was cut off: it has {missing[0]} of {missing[1]} bytes;"
            f" it begins with {shown(content, secret)}",
            fix,
        )
    try:
        samples, sample_rate = decode_audio(content, name=sender)
    except SaladError as error:
        raise VoiceFailed(f"{error.problem}; it begins with {shown(content, secret)}", fix) from error
    if not samples.any():
        raise VoiceFailed(f"{sender} gave silence", fix)
    words = [Word(word, None, None) for word in words_of_text(text)]
    return Utterance(np.clip(samples, -1, 1), sample_rate, words)


def shown(content: bytes, secret: str = "") -> str:
    """Quote the beginning of a program's output, without `secret` and with control characters escaped."""
    text = content[: 16 * _SHOWN].decode("utf-8", errors="replace")
    if len(secret) >= _SHORTEST_SECRET:
        text = text.replace(secret, "***")
    return repr(text.strip()[:_SHOWN])
