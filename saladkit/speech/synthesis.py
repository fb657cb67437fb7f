"""Rows of text -> rows of speech, in worker processes, with a voice given to each row by its id."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context

from saladkit.errors import SaladError
from saladkit.formats.samples import words_to_row
from saladkit.speech.audio import encode_flac
from saladkit.speech.voices.voice import Voice, open_voice

Speak = Callable[[list[tuple[str, str, str]]], Iterator[tuple[int, dict]]]  # what `speakers` yields

CHUNK = 16  # rows for which a voice is opened: Piper's noise runs on from row to row, and begins anew with each chunk


def voice_of_row(id_: str, voices: list[str], seed: int) -> str:
    """The voice that speaks a row: even over many rows, fixed by seed and id alone."""
    digest = hashlib.sha256(f"{seed}/{id_}".encode()).digest()
    return voices[int.from_bytes(digest[:8], "big") % len(voices)]


def speak_row(id_: str, text: str, voice: Voice) -> dict:
    """The columns that speech adds to a row; or its `id` and the `reason` why it cannot be spoken."""
    try:
        utterance = voice.speak(text)
    except SaladError as error:
        return {"id": id_, "reason": error.problem}
    return {
        "audio": {"bytes": encode_flac(utterance.samples, utterance.sample_rate), "path": None},
        "duration": len(utterance.samples) / utterance.sample_rate,
        "speaker": voice.name,
        "words": words_to_row(utterance.words),
    }


def _speak_chunk(voice: str, chunk: list[tuple[int, str, str]]) -> list[tuple[int, dict]]:
    opened = open_voice(voice)
    return [(place, speak_row(id_, text, opened)) for place, id_, text in chunk]


@contextmanager
def speakers(workers: int) -> Iterator[Speak]:
    """Yield a function that speaks rows [(id, text, voice), ...] in `workers` processes.

    It gives pairs of a row's place and what `speak_row` makes of it, voice by voice. However many processes there are,
    the same rows give the same samples. Processes are spawned, not forked: a voice's library must not be shared, and a
    fork of a process with threads hangs.
    """

    def speak_by(chunk_map: Callable, rows: list[tuple[str, str, str]]) -> Iterator[tuple[int, dict]]:
        by_voice: dict[str, list[tuple[int, str, str]]] = {}
        for place, (id_, text, voice) in enumerate(rows):
            by_voice.setdefault(voice, []).append((place, id_, text))
        voices, chunks = [], []
        for voice, of_voice in by_voice.items():
            for begin in range(0, len(of_voice), CHUNK):
                voices.append(voice)
                chunks.append(of_voice[begin : begin + CHUNK])
        for spoken in chunk_map(_speak_chunk, voices, chunks):
            yield from spoken

    if workers == 1:
        yield partial(speak_by, map)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield partial(speak_by, pool.map)
