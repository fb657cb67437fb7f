"""Rows of text -> rows of speech, in worker processes, with a voice given to each row by its id."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context

from saladkit.errors import SaladError
from saladkit.formats.samples import words_to_row
from saladkit.speech.audio import encode_flac
from saladkit.speech.voices.voice import open_voice

_open_once = cache(open_voice)  # one voice object per worker process and name


def voice_of_row(id_: str, voices: list[str], seed: int) -> str:
    """The voice that speaks a row: even over many rows, fixed by seed and id alone."""
    digest = hashlib.sha256(f"{seed}/{id_}".encode()).digest()
    return voices[int.from_bytes(digest[:8], "big") % len(voices)]


def speak_row(id_: str, text: str, voice: str) -> dict:
    """The columns that speech adds to a row; or its `id` and the `reason` why it cannot be spoken."""
    try:
        utterance = _open_once(voice).speak(text)
    except SaladError as error:
        return {"id": id_, "reason": error.problem}
    return {
        "audio": {"bytes": encode_flac(utterance.samples, utterance.sample_rate), "path": None},
        "duration": len(utterance.samples) / utterance.sample_rate,
        "speaker": voice,
        "words": words_to_row(utterance.words),
    }


def _speak_rows(rows: list[tuple[str, str, str]]) -> list[dict]:
    return [speak_row(*row) for row in rows]


@contextmanager
def speakers(workers: int) -> Iterator[Callable[[list[tuple[str, str, str]]], Iterator[dict]]]:
    """Yield a function that speaks [(id, text, voice), ...] in order, in `workers` processes.

    Processes are spawned, not forked: a voice's library must not be shared, and a fork of a process with threads hangs.
    """
    if workers == 1:
        yield lambda rows: (speak_row(*row) for row in rows)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:

        def speak(rows: list[tuple[str, str, str]]) -> Iterator[dict]:
            chunks = [rows[begin : begin + 16] for begin in range(0, len(rows), 16)]
            for spoken in pool.map(_speak_rows, chunks):
                yield from spoken

        yield speak
