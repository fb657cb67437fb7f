"""Requests to voices: a text, its voice drawn by seed and id, and the key of the recording."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from saladkit.formats.digests import digest_json
from saladkit.speech.synthesis.models import voice_named
from saladkit.speech.voices.voice import Voice


@dataclass(frozen=True)
class Request:
    """One text to speak by `voice`, a name that may have ranges; `draw` is the seed that draws from them."""

    id: str
    text: str
    voice: str
    draw: int


def request_of_row(id_: str, text: str, voices: Sequence[str], seed: int) -> Request:
    """Choose a row's voice by seed and id alone; many rows are distributed evenly over the voices."""
    digest = hashlib.sha256(f"{seed}/{id_}".encode()).digest()
    voice = voices[int.from_bytes(digest[:8], "big") % len(voices)]
    return Request(id_, text, voice, int.from_bytes(digest[8:16], "big"))


def narrowed_voice(request: Request, device: str) -> Voice:
    """Return the request's voice with a value drawn from each range."""
    return voice_named(request.voice, device).narrowed(random.Random(request.draw))


def speech_key(request: Request, settings_digest: str, device: str) -> str:
    """Return the digest of text, voice and settings: requests with equal keys have equal recordings.

    Args:
        settings_digest: the digest of `models.described`.
    """
    voice = narrowed_voice(request, device)
    return digest_json([request.text, voice.name, voice.identity, settings_digest])
